import { describe, expect, it } from 'vitest'
import { fingerCount, kernelDistanceTo } from '../../src/config/metric.ts'
import { lora, negativeEmbedding, textualInversion } from '../../src/config/technique.ts'
import { ConfigError } from '../../src/errors/index.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { study, studyInput } from './fixtures/sample-plan.ts'

describe('defineStudy', () => {
  it('fills in defaults, counts seeds out and freezes', () => {
    expect(study.seeds).toEqual([1, 2, 3, 4])
    expect(study.arms.lora?.train?.optimizer.learningRate).toBe(1e-4)
    expect(study.sampling.sampler).toBe('ddim')
    expect(Object.isFrozen(study.arms.lora?.train?.technique)).toBe(true)
  })

  const refused: [string, object, RegExp][] = [
    ['a misspelt key', { promts: ['x'] }, /there is no "promts" here\. Did you mean "prompts"\?/],
    [
      'a misspelt key of an arm',
      { arms: { baseline: {}, a: { negativPrompt: 'x' } } },
      /arms\.a: there is no "negativPrompt" here\. Did you mean "negativePrompt"/,
    ],
    [
      'a misspelt key of a technique',
      { arms: { baseline: {}, a: { train: { technique: { type: 'lora', rnak: 2 } } } } },
      /there is no "rnak" here\. Did you mean "rank"/,
    ],
    [
      'rank 0',
      { arms: { baseline: {}, a: { train: { technique: lora({ rank: 0 }) } } } },
      /arms\.a\.train\.technique\.rank/,
    ],
    [
      'a negative rate',
      { arms: { baseline: {}, a: { train: { technique: lora(), optimizer: { learningRate: -1 } } } } },
      /learningRate/,
    ],
    ['a missing baseline', { arms: { base: {} }, baseline: 'bas' }, /no arm "bas".*Did you mean "base"/],
    ['an unknown dataset', { metrics: [kernelDistanceTo('plams')] }, /no dataset "plams".*Did you mean "palms"/],
    [
      'an unknown prompt',
      { metrics: [fingerCount({ expected: { 'a photo of an open plam': 5 } })] },
      /Did you mean "a photo of an open palm"/,
    ],
    ['a repeated prompt', { prompts: ['a palm', 'a palm'], metrics: [] }, /twice/],
    ['a repeated seed', { seeds: [1, 1] }, /twice/],
    ['a seed beyond 2^53', { seeds: [2 ** 53] }, /seeds/],
    [
      'a learned word that no prompt uses',
      { arms: { baseline: {}, a: { train: { technique: textualInversion() } } } },
      /learns <hand>, but none of its prompts/,
    ],
    [
      'a learned token that the negative prompt does not use',
      { arms: { baseline: {}, a: { train: { technique: negativeEmbedding() }, negativePrompt: 'bad' } } },
      /learns <bad-hands> to lead away from.*Add negativePrompt: "<bad-hands>"/,
    ],
    [
      'an axis that is no setting',
      { arms: { baseline: {}, a: { train: { technique: lora() }, over: { learningrat: [1] } } } },
      /Did you mean "learningRate"/,
    ],
    [
      'an axis that could be two settings',
      { arms: { baseline: {}, a: { train: { technique: lora() }, over: { type: ['x'] } } } },
      /could be train\.technique\.type or/,
    ],
    [
      'DreamBooth of what changes no weights',
      { arms: { baseline: {}, a: { train: { technique: textualInversion(), classPrompt: 'a hand' } } } },
      /DreamBooth changes the base's own weights/,
    ],
    [
      'a setting of DreamBooth without class images',
      { arms: { baseline: {}, a: { train: { technique: lora(), priorWeight: 2 } } } },
      /priorWeight has no effect/,
    ],
    [
      'DreamBooth of subsets',
      {
        arms: { baseline: {}, a: { train: { technique: lora(), classPrompt: 'x', subsets: [{ dataset: 'palms' }] } } },
      },
      /makes its subsets itself/,
    ],
    ['a training that could use two datasets', { datasets: { palms: 'a', fists: 'b' } }, /must say which it uses/],
  ]
  it.each(refused)('refuses %s', (_, change, message) => {
    const input = { ...studyInput, ...change } as StudyInput
    expect(() => defineStudy(input)).toThrow(ConfigError)
    expect(() => defineStudy(input)).toThrow(message)
  })
})
