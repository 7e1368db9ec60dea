import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { optimizer } from '../../src/config/optimizer.ts'
import { resolve } from '../../src/config/resolve.ts'
import { lora, textualInversion } from '../../src/config/technique.ts'
import { type TrainingSettingsInput, trainingSettings } from '../../src/config/training.ts'
import { ConfigError } from '../../src/errors/index.ts'

const types = optimizer.options.map((option) => option.shape.type.parse(typeOf(option)))

function typeOf(option: (typeof optimizer.options)[number]): unknown {
  return [...(option.shape.type._zod.values ?? [])][0]
}

function resolved(settings: Partial<TrainingSettingsInput>): z.output<typeof trainingSettings> {
  return resolve(trainingSettings, { technique: lora(), ...settings }, 'training')
}

test('without a type it is AdamW, and a learning rate alone is enough', () => {
  expect(resolved({ optimizer: { learningRate: 5e-4 } }).optimizer).toMatchObject({ type: 'adamw', learningRate: 5e-4 })
})

test('every type has defaults for all of its fields', () => {
  expect(types).toEqual(['adamw', 'adamw-8bit', 'adafactor', 'lion', 'prodigy', 'schedule-free'])
  for (const type of types) expect(resolved({ optimizer: { type } }).optimizer.type).toBe(type)
})

test('a field of another optimizer is refused, whatever its name', () => {
  const fields = new Set(optimizer.options.flatMap((option) => Object.keys(option.shape)))
  const name = fc.oneof(fc.constantFrom(...fields), fc.string({ minLength: 1 }))
  fc.assert(
    fc.property(fc.constantFrom(...optimizer.options), name, (option, field) => {
      fc.pre(!(field in option.shape))
      expect(() => resolved({ optimizer: { type: typeOf(option), [field]: 1 } as never })).toThrowError(
        expect.objectContaining({ code: 'invalid-settings', message: expect.stringContaining('there is no') }),
      )
    }),
  )
})

describe('what an optimizer would leave without effect', () => {
  test.each<[string, Partial<TrainingSettingsInput>, RegExp]>([
    [
      'a schedule beside schedule-free',
      { optimizer: { type: 'schedule-free' }, schedule: { type: 'cosine' } },
      /schedule: .*optimizer\.warmupSteps/,
    ],
    [
      'a warm-up of the schedule beside schedule-free',
      { optimizer: { type: 'schedule-free' }, schedule: { warmupSteps: 5 } },
      /schedule: .*optimizer\.warmupSteps/,
    ],
    [
      'a schedule beside a relative step',
      { optimizer: { type: 'adafactor' }, schedule: { type: 'linear' } },
      /schedule: .*adafactor/,
    ],
    [
      'a relative warm-up beside a learning rate',
      { optimizer: { type: 'adafactor', learningRate: 1e-3, relativeWarmup: true } },
      /optimizer\.relativeWarmup: has no effect/,
    ],
    [
      'a largest norm of averaged weights',
      { optimizer: { type: 'schedule-free' }, technique: lora({ maximumNorm: 1 }) },
      /technique\.maximumNorm/,
    ],
    [
      'a norm of averaged vectors',
      { optimizer: { type: 'schedule-free' }, technique: textualInversion({ initialWord: 'hand', norm: 'initial' }) },
      /technique\.norm/,
    ],
  ])('refuses %s', (_name, settings, message) => {
    expect(() => resolved(settings)).toThrowError(ConfigError)
    expect(() => resolved(settings)).toThrowError(message)
  })

  test('leaves alone what acts', () => {
    const settings = [
      { optimizer: { type: 'schedule-free', warmupSteps: 10 } },
      { optimizer: { type: 'adafactor', relativeWarmup: true } },
      { optimizer: { type: 'adafactor', learningRate: 1e-3 }, schedule: { type: 'cosine', warmupSteps: 5 } },
      { optimizer: { type: 'prodigy' }, schedule: { type: 'cosine' }, technique: lora({ maximumNorm: 1 }) },
    ] as const
    for (const given of settings) expect(resolved(given).optimizer.type).toBe(given.optimizer.type)
  })
})
