import { expect, test } from 'vitest'
import { resolve } from '../../src/config/resolve.ts'
import { loha, lokr, technique } from '../../src/config/technique.ts'
import type { TrainingSettingsInput } from '../../src/config/training.ts'
import { trainingSettings } from '../../src/config/training.ts'

test('they choose layers as a LoRA does', () => {
  const chosen = { targets: ['convolution'], patterns: [{ match: 'unet.conv_in' }], convolutionRank: 2 } as const
  const layers = { ...chosen, targets: [...chosen.targets], patterns: [...chosen.patterns] }
  for (const made of [loha(layers), lokr(layers)]) {
    expect(technique.parse(made)).toMatchObject({ ...layers, patterns: [{ match: 'unet.conv_in', rank: null }] })
  }
})

test.each([
  { type: 'loha', rank: 0 },
  { type: 'loha', rankDropout: 1 },
  { type: 'lokr', factor: 1 },
  { type: 'loha', rank: null },
] as const)('%j is refused', (given) => {
  expect(technique.safeParse(given).success).toBe(false)
})

test('what LyCORIS has no place for is named', () => {
  const given = { technique: { type: 'loha', factr: 4 } } as unknown as TrainingSettingsInput
  expect(() => resolve(trainingSettings, given, 'training')).toThrowError(/factr/)
  const other = { technique: { type: 'lokr', networkDropout: 0.1 } } as unknown as TrainingSettingsInput
  expect(() => resolve(trainingSettings, other, 'training')).toThrowError(/networkDropout/)
})
