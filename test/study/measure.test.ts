import { describe, expect, it } from 'vitest'
import { defectProbability, defectRate, fingerCount, kernelDistanceTo } from '../../src/config/metric.ts'
import { scopeOf, wilsonInterval } from '../../src/metrics/index.ts'
import type { Judgement } from '../../src/study/cell-record.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { measureStudy } from '../../src/study/measure.ts'
import { compareArms, estimateArm } from '../../src/study/paired-values.ts'
import { planCells, type StudyPlan } from '../../src/study/plan.ts'
import { RandomStream } from '../../src/util/random.ts'
import { facts, studyInput } from './fixtures/sample-plan.ts'

const palm = 'a photo of an open palm'

describe('measureStudy', () => {
  const plan = planned({
    seeds: 12,
    metrics: [
      fingerCount({ expected: { [palm]: 5 } }),
      defectRate(),
      defectProbability(),
      kernelDistanceTo('palms', { prompts: [palm] }),
    ],
  })
  const judgements = judge(plan, (arm, seed) => (arm === 'lora' || seed === 1 ? 5 : 4))
  const metrics = measureStudy(plan, { judgements, features: new Map() })
  const [fingers, defects, probability, distance] = metrics

  it('counts right numbers of fingers on the prompts that ask for one, and compares in pairs', () => {
    expect(fingers?.prompts).toEqual([0])
    const lora = row(fingers, 'lora')
    expect(lora.estimate?.value).toBe(1)
    expect(lora.count).toBe(12)
    expect(row(fingers, 'baseline').estimate?.value).toBeCloseTo(1 / 12, 12)
    expect(row(fingers, 'baseline').difference).toBeNull()
    expect(lora.difference?.value).toBeCloseTo(11 / 12, 12)
    expect(lora.difference?.p).toBeCloseTo(2 / 2 ** 11, 12)
    expect(lora.difference?.adjustedP).toBeCloseTo((3 * 2) / 2 ** 11, 12)
    expect(row(fingers, 'negative').difference).toMatchObject({ value: 0, p: 1, adjustedP: 1 })
  })

  it('keeps a width where nothing differs', () => {
    const { low, high } = row(fingers, 'negative').difference ?? { low: 0, high: 0 }
    expect(low).toBeLessThan(-0.1)
    expect(high).toBeGreaterThan(0.1)
  })

  it('takes defect rate and probability on all prompts', () => {
    expect(defects?.rows[0]?.count).toBe(24)
    expect(row(defects, 'baseline').estimate?.value).toBeCloseTo(row(probability, 'baseline').estimate?.value ?? 0, 0)
    expect(row(probability, 'lora').difference?.high).toBeLessThan(0)
  })

  it('compares sets of equal size with the reference and says whose features', () => {
    expect(distance?.label).toBe('kernel distance to palms on finger-classifier features')
    expect(distance?.rows.map(({ count }) => count)).toEqual([12, 12, 12, 12])
    expect(row(distance, 'lora').difference?.value).toBeLessThan(0)
  })

  it('shows an arm whose cell failed as such, and leaves the others alone', () => {
    const judgements = new Map(judge(plan, () => 5))
    judgements.delete(plan.arms[2]?.scores[0] ?? '')
    const [count, , , kernel] = measureStudy(plan, { judgements, features: new Map() })
    for (const metric of [count, kernel]) {
      expect(row(metric, 'lora')).toMatchObject({ estimate: null, difference: null, reason: 'a cell it needs failed' })
      expect(row(metric, 'inversion').estimate).not.toBeNull()
    }
  })

  it('compares an arm that draws some of the seeds on these alone', () => {
    const arms = { baseline: {}, few: { negativePrompt: 'x', seeds: [11, 12] } }
    const metrics = [fingerCount({ expected: { [palm]: 5 } }), kernelDistanceTo('palms', { prompts: [palm] })]
    const some = planned({ seeds: 12, arms, metrics })
    const judgements = judge(some, (arm, seed) => (arm === 'few' || seed > 6 ? 5 : 4))
    const [count, kernel] = measureStudy(some, { judgements, features: new Map() })
    expect(row(count, 'baseline').estimate?.value).toBe(0.5)
    expect(row(count, 'few')).toMatchObject({ count: 2, estimate: { value: 1 }, difference: { value: 0 } })
    expect(row(kernel, 'few').reason).toMatch(/some of the seeds only/)
  })

  it('says when the baseline is missing', () => {
    const judgements = new Map(judge(plan, () => 5))
    judgements.delete(plan.arms[0]?.scores[0] ?? '')
    const [count] = measureStudy(plan, { judgements, features: new Map() })
    expect(row(count, 'lora')).toMatchObject({
      difference: null,
      reason: 'the baseline has no samples to compare with',
    })
  })
})

describe('estimateArm and compareArms', () => {
  it('use Wilson for shares of few prompts', () => {
    const values = new Map([[0, [1, 0, 1, 1]]])
    expect(estimateArm(values, { yesNo: true, scope: 'seeds' })).toMatchObject({ low: wilsonInterval(3, 4).low })
  })

  it('speak for new prompts from eight on, and then test prompts, not images', () => {
    expect([scopeOf(7), scopeOf(8)]).toEqual(['seeds', 'prompts-and-seeds'])
    const random = new RandomStream('prompts')
    const arm = new Map(Array.from({ length: 8 }, (_, i) => [i, Array.from({ length: 6 }, () => random.unit() + 1)]))
    const base = new Map(Array.from({ length: 8 }, (_, i) => [i, Array.from({ length: 6 }, () => random.unit())]))
    const change = compareArms(arm, base, { yesNo: false, scope: 'prompts-and-seeds' })
    expect(change?.p).toBe(2 / 2 ** 8)
    expect(change?.test).toContain('prompts')
  })

  it('cannot say anything about a single image', () => {
    expect(estimateArm(new Map([[0, [0.4]]]), { yesNo: false, scope: 'seeds' })).toBeNull()
    expect(compareArms(new Map([[0, [0.4]]]), new Map([[0, [0.2]]]), { yesNo: false, scope: 'seeds' })).toBeNull()
  })
})

function planned(change: object): StudyPlan {
  return planCells(defineStudy({ ...studyInput, ...change } as StudyInput), facts)
}

/** Judgements in which an image with five fingers is sound and near the reference, any other is neither. */
function judge(plan: StudyPlan, fingersOf: (arm: string, seed: number) => number): Map<string, Judgement[]> {
  const judgement = (fingers: number, random: RandomStream): Judgement => ({
    fingers,
    fingerProbabilities: [],
    defectProbability: fingers === 5 ? random.uniform(0, 0.3) : random.uniform(0.7, 1),
    features: Array.from({ length: 4 }, () => random.normal() + (fingers === 5 ? 0 : 3)),
  })
  const judgements = new Map<string, Judgement[]>()
  for (const arm of plan.arms) {
    for (const key of arm.scores) {
      if (key === null) continue
      const random = new RandomStream(key)
      judgements.set(
        key,
        arm.seeds.map((seed) => judgement(fingersOf(arm.name, seed), random)),
      )
    }
  }
  for (const key of plan.references.values()) {
    const random = new RandomStream(key)
    judgements.set(
      key,
      Array.from({ length: 12 }, () => judgement(5, random)),
    )
  }
  return judgements
}

function row(metric: ReturnType<typeof measureStudy>[number] | undefined, arm: string) {
  const found = metric?.rows.find((candidate) => candidate.arm === arm)
  if (found === undefined) throw new Error(`no row for ${arm}`)
  return found
}
