import { expect, it } from 'vitest'
import { defectProbability, defectRate, kernelDistanceTo } from '../../src/config/metric.ts'
import { pairedMeanPower, pairedProportionPower } from '../../src/metrics/index.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { planCells } from '../../src/study/plan.ts'
import { studyPower } from '../../src/study/study-power.ts'
import { facts, studyInput } from './fixtures/sample-plan.ts'

it('says the smallest difference that the paired tests see, corrected for the number of arms', () => {
  const [share, mean, distance] = powerOf({
    seeds: 16,
    metrics: [defectRate(), defectProbability(), kernelDistanceTo('palms')],
  })
  expect(share).toMatchObject({ pairs: 32, paired: 'images', comparisons: 3, unit: 'share' })
  const smallest = share?.smallest ?? 0
  const significance = 0.05 / 3
  expect(pairedProportionPower(32, smallest, { significance })).toBeCloseTo(0.8, 3)
  expect(pairedProportionPower(32, smallest - 0.01, { significance })).toBeLessThan(0.8)
  expect(mean?.unit).toBe('standard deviations')
  expect(pairedMeanPower(32, mean?.smallest ?? 0, significance)).toBeCloseTo(0.8, 3)
  expect(distance).toMatchObject({ smallest: null, unit: null })
})

it('counts prompts where findings speak for new ones, and says when pairs are too few', () => {
  const prompts = Array.from({ length: 8 }, (_, i) => `a photo of thing ${i}`)
  const arms = { baseline: {}, negative: { negativePrompt: 'x' } }
  expect(powerOf({ prompts, arms, seeds: 50, metrics: [defectRate()] })).toMatchObject([
    { pairs: 8, paired: 'prompts', comparisons: 1, unit: 'standard deviations' },
  ])
  expect(powerOf({ seeds: 2, metrics: [defectRate()] })).toMatchObject([{ pairs: 4, smallest: null, unit: 'share' }])
})

it('counts only seeds that both sides draw, and nothing where nothing is compared', () => {
  const arms = { baseline: {}, negative: { negativePrompt: 'x', seeds: [1, 2, 3] } }
  expect(powerOf({ arms, seeds: 8, metrics: [defectProbability()] })[0]?.pairs).toBe(6)
  expect(powerOf({ arms: { baseline: {} } })).toEqual([])
})

function powerOf(change: object) {
  const metrics = 'prompts' in change ? {} : { metrics: studyInput.metrics }
  return studyPower(planCells(defineStudy({ ...studyInput, ...metrics, ...change } as StudyInput), facts))
}
