import { expect, test } from 'vitest'
import { type QualityScores, suspicionOf, suspicionRules } from '../../src/quality/index.ts'

const sound: QualityScores = {
  ...{ sharpness: 13.6, entropy: 7.4, flatArea: 0.003, distinctColours: 711, borders: 0 },
  ...{ textOverlay: 0.1, repeatedPattern: 0.03 },
}

test('a suspicion is the logistic function of the weighted scores', () => {
  const { bias, weights } = suspicionRules.littleDetail
  const sum = bias + (weights.logSharpness ?? 0) * Math.log(13.6 + 0.1)
  expect(suspicionOf(sound).littleDetail).toBeCloseTo(Math.exp(sum) / (1 + Math.exp(sum)), 12)
})

test.each([
  ['littleDetail', { sharpness: 3.8 }],
  ['clipArt', { flatArea: 0.74, distinctColours: 250 }],
  ['watermark', { repeatedPattern: 0.09 }],
  ['watermark', { textOverlay: 0.18 }],
] as const)('%s is suspected of what has %j, and not of the median photograph', (kind, scores) => {
  const { threshold } = suspicionRules[kind]
  expect(suspicionOf(sound)[kind]).toBeLessThan(threshold)
  expect(suspicionOf({ ...sound, ...scores })[kind]).toBeGreaterThanOrEqual(threshold)
})
