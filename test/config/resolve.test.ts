import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contentId } from '../../src/config/hash.ts'
import { resolve } from '../../src/config/resolve.ts'
import { lora } from '../../src/config/technique.ts'
import { trainingSettings } from '../../src/config/training.ts'

function problemsOf(input: unknown): { path: string; text: string }[] {
  try {
    resolve(trainingSettings, input, 'training')
  } catch (error) {
    expect(error).toMatchObject({ name: 'ConfigError', code: 'invalid-settings' })
    return (error as { facts: { problems: { path: string; text: string }[] } }).facts.problems
  }
  return []
}

test.each([
  [{ technique: lora({ rank: 0 }) }, 'technique.rank', 'must be at least 1, not 0.'],
  [{ technique: lora(), optimizer: { learningRate: -1 } }, 'optimizer.learningRate', 'must be more than 0, not -1.'],
  [{ technique: lora(), optimiser: {} }, '', 'there is no "optimiser" here. Did you mean "optimizer"?'],
  [{ technique: { type: 'lora', rnak: 4 } }, 'technique', 'there is no "rnak" here. Did you mean "rank"?'],
  [
    { technique: { type: 'lroa' } },
    'technique.type',
    'must be one of "lora", "loha", "lokr", "textual-inversion", "negative-embedding", "control-net", "full", "autoencoder", not "lroa". Did you mean "lora"?',
  ],
  [
    { technique: lora(), schedule: { type: 'cosin' } },
    'schedule.type',
    'must be one of "constant", "linear", "cosine", "cosine-restarts", "polynomial", "one-cycle", not "cosin". Did you mean "cosine"?',
  ],
  [{ technique: lora(), steps: '400' }, 'steps', 'must be a number, not "400".'],
  [{ technique: lora(), steps: 1.5 }, 'steps', 'must be a whole number, not 1.5.'],
  [{ technique: lora(), steps: Number.NaN }, 'steps', 'must be a number, not NaN.'],
  [{ technique: lora(), seed: 2 ** 53 }, 'seed', `must be at most ${2 ** 53 - 1}, not ${2 ** 53}.`],
  [
    { technique: lora(), preview: { prompts: ['a'], seeds: [1, -1] } },
    'preview.seeds[1]',
    'must be at least 0, not -1.',
  ],
  [{ technique: lora({ parts: [] }) }, 'technique.parts', 'must have at least 1 entry, not 0.'],
  [
    { technique: lora(), preview: { prompts: ['x'.repeat(8193)] } },
    'preview.prompts[0]',
    'must have at most 8192 characters, not 8193.',
  ],
  [{}, 'technique', 'is missing; it must be an object.'],
])('problem %#: at "$1", $2', (input, path, text) => {
  expect(problemsOf(input)).toEqual([{ path, text }])
})

test('a schedule without a type is constant', () => {
  const { schedule } = resolve(trainingSettings, { technique: lora(), schedule: { warmupSteps: 10 } }, 'training')
  expect(schedule).toEqual({ type: 'constant', warmupSteps: 10 })
})

test('all problems are told at once', () => {
  const problems = problemsOf({ technique: lora({ rank: 0, alpha: -1 }), stepps: 3, batchSize: 0 })
  expect(problems.map(({ path }) => path).toSorted()).toEqual(['', 'batchSize', 'technique.alpha', 'technique.rank'])
})

test('the result is complete and frozen to its depth', () => {
  const settings = resolve(trainingSettings, { technique: lora() }, 'training')
  expect(settings).toMatchObject({
    steps: 400,
    optimizer: { type: 'adamw', learningRate: 1e-4 },
    technique: { rank: 32 },
  })
  expect(() => Object.assign(settings.optimizer, { learningRate: 1 })).toThrow(TypeError)
  expect(() => (settings.technique as { targets: string[] }).targets.push('x')).toThrow(TypeError)
})

test('resolving twice changes nothing, and the order of keys changes no content id', () => {
  const input = fc.record(
    {
      steps: fc.integer({ min: 1, max: 1000 }),
      seed: fc.maxSafeNat(),
      batchSize: fc.integer({ min: 1, max: 64 }),
      accumulation: fc.integer({ min: 1, max: 4 }),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(input, fc.integer({ min: 1, max: 64 }), (given, rank) => {
      const once = resolve(trainingSettings, { ...given, technique: lora({ rank }) }, 'training')
      const reordered = Object.fromEntries(Object.entries(once).toReversed())
      expect(resolve(trainingSettings, once, 'training')).toEqual(once)
      expect(contentId(reordered)).toBe(contentId(once))
      expect(contentId({ ...once, steps: once.steps + 1 })).not.toBe(contentId(once))
    }),
  )
})

test('whatever is given, the error is a ConfigError that says something', () => {
  fc.assert(
    fc.property(fc.anything(), (input) => {
      for (const { text } of problemsOf(input)) expect(text.length).toBeGreaterThan(5)
    }),
  )
})
