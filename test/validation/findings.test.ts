import { describe, expect, it } from 'vitest'
import type { DistanceMetric } from '../../src/config/metric.ts'
import { kernelDistanceTo, metricDefinition } from '../../src/config/metric.ts'
import { RandomStream } from '../../src/util/random.ts'
import { findingsOfSets, findingsOfValues } from '../../src/validation/make-card.ts'
import { setFinding } from '../../src/validation/set-power.ts'
import type { TestImage } from '../../src/validation/test-images.ts'
import { randomFeatures } from '../metrics/random-features.ts'

const kernel = metricDefinition.parse(kernelDistanceTo('x')) as DistanceMetric

describe('findings of single images', () => {
  const random = new RandomStream('findings')
  const images = [
    ...many('sound', 0, 40),
    ...many('extra finger', 1, 20),
    ...many('missing finger', 1, 20),
    ...many('missing finger', 2, 20),
    ...many('blur', 1, 20),
  ]
  // Missing fingers look worse the more are missing; blur looks as sound as sound does.
  const badness = images.map(({ kind, severity }) =>
    kind === 'missing finger' ? severity + random.uniform(0, 0.4) : kind === 'extra finger' ? null : random.unit(),
  )
  const { findings, overall, power } = findingsOfValues(images, badness)

  it('compare each kind with the sound images, and all wrong anatomy together', () => {
    expect(findings.map(({ kind }) => kind)).toEqual(['any wrong anatomy', 'missing finger', 'blur'])
    const missing = findings[1]!
    expect(missing.positives).toBe(40)
    expect(missing.negatives).toBe(40)
    expect(missing.auc).toBe(1)
    expect(missing.atChance).toBe(false)
    expect(missing.spearman?.correlation).toBeGreaterThan(0.8)
    expect(overall).toMatchObject({ kind: 'any wrong anatomy on renders', auc: 1 })
    expect(power).toEqual([])
  })

  it('say what is at chance, and leave out what the metric does not apply to', () => {
    expect(findings[2]).toMatchObject({ kind: 'blur', atChance: true, spearman: null })
    expect(() => findingsOfValues(images.slice(0, 40), badness)).toThrowError(
      expect.objectContaining({ code: 'too-few-images' }),
    )
  })
})

describe('findings of sets', () => {
  it('see half of far images at once, none of equal ones, and say the smallest share', () => {
    const sound = randomFeatures(1, 80, 4, 0)
    const far = setFinding(kernel, { sound, damaged: randomFeatures(2, 40, 4, 3) })
    expect(far?.power.images).toBe(20)
    expect(far?.auc).toBe(1)
    expect(far?.power.smallest).toBeLessThanOrEqual(0.25)
    const powers = far?.power.shares.map(({ power }) => power) ?? []
    expect(powers.toSorted((a, b) => a - b)).toEqual(powers)
    // Pools differ by chance, which every set that is drawn from them inherits, so that 0.5 itself is too much to ask.
    const equal = setFinding(kernel, { sound: randomFeatures(3, 160, 4, 0), damaged: randomFeatures(4, 160, 4, 0) })
    expect(Math.abs((equal?.auc ?? 0) - 0.5)).toBeLessThan(0.3)
    expect(equal?.power.smallest).toBeNull()
    expect(setFinding(kernel, { sound: sound.slice(0, 11), damaged: sound })).toBeNull()
  })

  it('take the worst severity of each kind', () => {
    const images = [
      ...many('sound', 0, 40),
      ...many('blur', 1, 20),
      ...many('blur', 2, 20),
      ...many('extra finger', 1, 20),
    ]
    const features = images.map((image, i) => randomFeatures(i, 1, 3, image.severity === 2 ? 4 : 0)[0] ?? [])
    const { findings, power } = findingsOfSets(kernel, images, features)
    expect(findings.find(({ kind }) => kind === 'blur')?.auc).toBe(1)
    expect(power.find(({ kind }) => kind === 'blur')).toMatchObject({ images: 10 })
  })
})

function many(kind: string, severity: number, count: number): TestImage[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ file: `${kind}-${i}.png`, source: 'renders', kind, severity },
    ...{ prompt: 'a hand', fingers: 5 },
  }))
}
