import { describe, expect, it } from 'vitest'
import { lora, negativeEmbedding, textualInversion } from '../../src/config/technique.ts'
import { ConfigError } from '../../src/errors/index.ts'
import { baselineOf } from '../../src/study/baseline.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { fraction } from '../../src/study/design.ts'
import { expandArms, replaceWords } from '../../src/study/expand-arms.ts'
import { planCells } from '../../src/study/plan.ts'
import { summariseArm } from '../../src/study/summarise-arm.ts'
import { facts, studyInput } from './fixtures/sample-plan.ts'

const [palm, apple] = studyInput.prompts as [string, string]
const train = { technique: lora(), steps: 20 }

describe('expandArms', () => {
  it('makes an arm of each value on each base', () => {
    const arms = expandArms(
      defined({
        bases: ['a', 'b'],
        arms: { baseline: {}, lora: { train: { technique: lora() }, over: { learningRate: [1e-3, 1e-4] } } },
      }),
    )
    expect(arms.map((arm) => arm.name)).toEqual([
      'baseline on a',
      'lora learningRate=0.001 on a',
      'lora learningRate=0.0001 on a',
      'baseline on b',
      'lora learningRate=0.001 on b',
      'lora learningRate=0.0001 on b',
    ])
    expect(arms[2]?.settings.train?.optimizer.learningRate).toBe(1e-4)
    expect(arms.filter((arm) => arm.baseline).map((arm) => arm.base)).toEqual(['a', 'b'])
  })

  it('crosses axes over any setting: numbers, whole groups by name, sampler, base, prompts and seeds', () => {
    const over = {
      rank: [2, 4],
      schedule: { flat: { type: 'constant' }, falling: { type: 'cosine' } },
      'sampling.sampler': ['ddim', 'euler'],
      seeds: { first: [1, 2], last: [3, 4] },
      prompts: { hands: [palm], objects: [apple] },
      base: ['b'],
    }
    const arms = expandArms(defined({ bases: ['a', 'b'], arms: { baseline: {}, lora: { train, over } } }))
    const variants = arms.filter((arm) => arm.family === 'lora')
    expect(variants).toHaveLength(32)
    expect(new Set(variants.map((arm) => arm.name)).size).toBe(32)
    const last = variants.at(-1)
    expect(last?.name).toBe('lora rank=4 schedule=falling sampling.sampler=euler seeds=last prompts=objects on b')
    expect(last).toMatchObject({ base: 'b', seeds: [3, 4], notApplicable: ['this arm does not draw the prompt', null] })
    expect(last?.settings.sampling).toMatchObject({ sampler: 'euler', steps: 50 })
    expect(last?.settings.train).toMatchObject({ technique: { rank: 4 }, schedule: { type: 'cosine' } })
  })

  it('runs the fraction of the combinations that a design says', () => {
    const over = { rank: [2, 4], alpha: [1, 2], learningRate: [1e-3, 1e-4], batchSize: [1, 2] }
    // Images drawn together are no setting of an arm, so the name is clear.
    const arms = { baseline: {}, lora: { train, over, design: fraction({ interactions: 'none' }) } }
    const variants = expandArms(defined({ arms })).filter((arm) => arm.family === 'lora')
    expect(variants).toHaveLength(8)
    for (const rank of ['2', '4']) expect(variants.filter(({ levels }) => levels.rank === rank)).toHaveLength(4)
  })

  it('compares like with like where the baseline varies, too', () => {
    const over = { 'sampling.sampler': ['ddim', 'euler'] }
    const arms = expandArms(
      defined({ bases: ['a', 'b'], arms: { baseline: { over }, lora: { train, over: { ...over, rank: [2, 4] } } } }),
    )
    const compared = arms.map((arm) => [arm.name, baselineOf(arm, arms)?.name])
    expect(compared[0]).toEqual(['baseline sampling.sampler=ddim on a', undefined])
    for (const [name, baseline] of compared.filter(([arm]) => arm?.startsWith('lora'))) {
      expect(baseline).toBe(name?.replace('lora', 'baseline').replace(/ rank=\d/, ''))
    }
  })

  it('knows what is not applicable before anything runs, and plans no cell for it', () => {
    const lora = {
      train,
      over: { rank: [2, 64] },
      except: [
        { when: { rank: 64 }, reason: 'larger than the layers' },
        { when: { prompt: apple }, reason: 'learned hands alone' },
      ],
    }
    const plan = planCells(defined({ arms: { baseline: {}, lora } }), facts)
    const [, small, large] = plan.arms
    expect(small?.notApplicable).toEqual([null, 'learned hands alone'])
    expect(large?.notApplicable).toEqual(['larger than the layers', 'larger than the layers'])
    expect([large?.training, large?.samples]).toEqual([null, [null, null]])
    expect(plan.cells.filter((cell) => cell.kind === 'train')).toHaveLength(1)
    expect(plan.cells.filter((cell) => cell.kind === 'sample')).toHaveLength(3)
  })

  it('varies the one token of a textual inversion by the names of its settings', () => {
    const inversion = {
      train: { technique: textualInversion({ vectors: 2 }) },
      over: { initialWord: ['palm', 'fist'] },
      replace: { palm: '<hand>' },
    }
    const study = defined({ arms: { baseline: {}, inversion } })
    expect(expandArms(study).map((arm) => summariseArm(arm, study))).toEqual([
      'the base alone',
      expect.stringMatching(/^textual inversion of <hand> from “palm” in 2 vectors on palms/),
      expect.stringMatching(/^textual inversion of <hand> from “fist” in 2 vectors on palms/),
    ])
  })

  it('says how a negative embedding was trained, and how an arm is drawn otherwise', () => {
    const arm = {
      train: { technique: negativeEmbedding() },
      negativePrompt: 'drawing, <bad-hands>',
      sampling: { sampler: 'euler', steps: 20 },
    } as const
    const study = defined({ arms: { baseline: {}, arm } })
    expect(summariseArm(expandArms(study)[1]!, study)).toMatch(
      /^negative embedding <bad-hands> from empty text in 4 vectors at guidance 3 on palms.*told to avoid “drawing, <bad-hands>”; drawn with sampler euler, steps 20$/,
    )
  })

  const refused: [string, object, string][] = [
    ['a value out of range', { a: { train, over: { rank: [4, 0] } } }, 'invalid-settings'],
    ['a value named twice', { a: { train, over: { rank: [4, 4] } } }, 'repeated-value'],
    ['an axis without values', { a: { train, over: { technique: {} } } }, 'invalid-settings'],
    ['an axis in another', { a: { train, over: { technique: { one: lora() }, rank: [2] } } }, 'nested-axes'],
    ['a base that is not the study’s', { a: { base: 'b' } }, 'unknown-base'],
    ['a prompt that is not the study’s', { a: { prompts: ['a palm'] } }, 'unknown-prompt'],
    ['a seed that is not the study’s', { a: { seeds: [9] } }, 'unknown-seed'],
    ['an unknown sampling setting', { a: { sampling: { stepz: 3 } } }, 'invalid-settings'],
    ['an exception for no axis', { a: { except: [{ when: { rank: 1 }, reason: 'x' }] } }, 'unknown-axis'],
    ['an exception for no value', { a: { except: [{ when: { prompt: 'x' }, reason: 'x' }] } }, 'unknown-value'],
    ['an exception for everything', { a: { except: [{ when: {}, reason: 'x' }] } }, 'invalid-settings'],
    [
      'an arm that could be compared with two baselines',
      { baseline: { over: { 'sampling.sampler': ['ddim', 'euler'] } }, a: { negativePrompt: 'x' } },
      'baseline-unclear',
    ],
  ]
  it.each(refused)('refuses %s', (_, arms, code) => {
    expect(() => defined({ arms: { baseline: {}, ...arms } })).toThrow(
      expect.objectContaining({ constructor: ConfigError, code }),
    )
  })

  it('refuses an axis that changes nothing', () => {
    const arms = { baseline: {}, a: { negativePrompt: 'x', over: { strength: [1, 2] } } }
    expect(() => planCells(defined({ arms }), facts)).toThrow(/have no effect|has no effect/)
  })
})

describe('replaceWords', () => {
  it('replaces whole words once, the longest first', () => {
    expect(replaceWords('a hand, a handshake, a left-hand', { hand: '<hand>' })).toBe(
      'a <hand>, a handshake, a left-hand',
    )
    expect(replaceWords('open palm of a palm', { palm: 'hand', 'open palm': '<palm>' })).toBe('<palm> of a hand')
    expect(replaceWords('a.b', { '.': '!' })).toBe('a.b')
  })
})

function defined(change: object) {
  return defineStudy({ ...studyInput, ...change } as StudyInput)
}
