import { describe, expect, it } from 'vitest'
import { clip, inception } from '../../src/config/extractor.ts'
import { contentId } from '../../src/config/hash.ts'
import {
  clipScoreOf,
  cmmdTo,
  extractorOf,
  frechetDistanceTo,
  kernelDistanceTo,
  type MetricDefinition,
  nearestImageIn,
  sharpness,
} from '../../src/config/metric.ts'
import {
  clipScore,
  cmmd,
  dot,
  frechetDistance,
  kernelDistance,
  normalised,
  polynomialGram,
} from '../../src/metrics/index.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { measureStudy } from '../../src/study/measure.ts'
import { planCells, type StudyPlan } from '../../src/study/plan.ts'
import type { CellFeatures } from '../../src/study/seen.ts'
import { RandomStream } from '../../src/util/random.ts'
import { facts as plainFacts, studyInput } from './fixtures/sample-plan.ts'

const palm = 'a photo of an open palm'
const prompts = [palm]
const large = clip({ model: './clip' })
const old = inception({ weights: './inception.pth', resize: 'tensorflow-bilinear' })

describe('metrics of features', () => {
  const plan = planned([
    kernelDistanceTo('palms', { features: old, prompts }),
    frechetDistanceTo('palms', { features: old, prompts }),
    cmmdTo('palms', { features: large, prompts, estimator: 'v-statistic' }),
    clipScoreOf({ features: large, prompts }),
    nearestImageIn('palms', { features: large, prompts }),
    sharpness({ prompts }),
  ])
  const features = look(plan)
  const seen = { judgements: new Map(), features }
  const metrics = measureStudy(plan, seen)
  const rowsOf = (metric: number, arm = 'lora') => {
    const id = contentId(extractorOf(plan.study.metrics[metric] as MetricDefinition))
    const key = plan.arms.find(({ name }) => name === arm)?.embeddings.get(id)?.[0]
    return features.get(key ?? '')?.rows ?? []
  }
  const reference = (metric: number) => features.get(plan.references.get(metric) ?? '')?.rows ?? []
  const estimateOf = (metric: number) => metrics[metric]?.rows.find(({ arm }) => arm === 'lora')?.estimate?.value

  it('share the features of an extractor, and ask the classifier nothing', () => {
    expect(plan.cells.filter(({ kind }) => kind === 'score')).toEqual([])
    const kinds = plan.cells.filter(({ kind }) => kind === 'embed').map(({ model }) => model)
    // Four arms with two prompts by three extractors, references of 4 images by two, all 30 by one, and the texts.
    expect(kinds).toHaveLength(4 * 2 * 3 + 2 + 1 + 1)
    expect(new Set(kinds).size).toBe(3)
    expect(plan.references.get(0)).toBe(plan.references.get(1))
    expect(reference(4)).toHaveLength(30)
  })

  it('are what their formulas say of the rows', () => {
    const [x, y] = [rowsOf(0), reference(0)]
    expect(estimateOf(0)).toBeCloseTo(kernelDistance(x, y, polynomialGram), 9)
    expect(estimateOf(1)).toBeCloseTo(frechetDistance(x, y), 9)
    expect(estimateOf(2)).toBeCloseTo(cmmd(rowsOf(2), reference(2), 'v-statistic'), 9)
    const text = features.get(plan.texts.get(3)?.key ?? '')?.rows[0] ?? []
    const scores = rowsOf(3).map((row) => clipScore(row, text, 'clipscore', 10))
    expect(estimateOf(3)).toBeCloseTo(scores.reduce((sum, value) => sum + value, 0) / 4, 9)
    const nearest = rowsOf(4).map((row) =>
      Math.max(...reference(4).map((other) => dot(normalised(row), normalised(other)))),
    )
    expect(estimateOf(4)).toBeCloseTo(nearest.reduce((sum, value) => sum + value, 0) / 4, 9)
    expect(estimateOf(5)).toBeCloseTo(rowsOf(5).reduce((sum, [value = 0]) => sum + value, 0) / 4, 9)
  })

  it('compare each arm with the baseline, with n, interval and test', () => {
    for (const metric of metrics) {
      const { count, estimate, difference } = metric.rows.find(({ arm }) => arm === 'lora') ?? metric.rows[0]!
      expect(count).toBe(4)
      expect(estimate!.low).toBeLessThanOrEqual(estimate!.value)
      expect(estimate!.high).toBeGreaterThanOrEqual(estimate!.value)
      expect(difference?.p).toBeGreaterThan(0)
      expect(difference?.p).toBeLessThanOrEqual(1)
    }
  })

  it('name extractor, convention and estimator in what a report says', () => {
    const said = metrics.map(({ label, description }) => `${label} ${description}`)
    expect(said[0]).toMatch(/on Inception 0123 features .*is a Kernel Inception Distance/)
    expect(said[1]).toMatch(/\(FID\).*biased/)
    expect(said[2]).toMatch(/v-statistic.*Gaussian kernel, σ 10/)
    expect(said[3]).toMatch(/2\.5 times the cosine.*A photo depicts/)
  })

  it('tell what a failed cell leaves out', () => {
    const fewer = new Map(features)
    fewer.delete(plan.texts.get(3)?.key ?? '')
    fewer.delete(plan.references.get(0) ?? '')
    const [kid, , , score, , edges] = measureStudy(plan, { judgements: new Map(), features: fewer })
    expect(kid?.rows[0]).toMatchObject({ estimate: null, reason: 'only 0 reference images' })
    expect(score?.rows[0]).toMatchObject({ estimate: null, reason: 'a cell it needs failed' })
    expect(edges?.rows[0]?.estimate).not.toBeNull()
  })

  it('key by what decides: weights, resize, convention and text, but not by the place of files', () => {
    const keys = (input: StudyPlan) => new Set(input.cells.filter(({ kind }) => kind === 'embed').map(({ key }) => key))
    const before = keys(planned([clipScoreOf({ features: large })]))
    expect(keys(planned([clipScoreOf({ features: clip({ model: './copy' }) })]))).toEqual(before)
    const other = keys(planned([clipScoreOf({ features: large, convention: 'percent' })]))
    expect([...other].filter((key) => !before.has(key))).toHaveLength(1)
  })
})

describe('what cannot be a metric', () => {
  it.each([
    [{ type: 'clip-score', features: { type: 'dinov2', model: 'a/b' } }, /"clip"/],
    [{ type: 'cmmd', against: 'palms' }, /features/],
    [{ type: 'frechet-distance', against: 'plams' }, /Did you mean "palms"/],
    [{ type: 'kernel-distance', against: 'palms', features: { type: 'inception' } }, /weights/],
    [{ type: 'kernel-distance', against: 'palms', features: { type: 'inceptoin' } }, /inception/],
    [{ type: 'sharpnes' }, /Did you mean "sharpness"/],
    [clipScoreOf({ features: large, conventoin: 'logit' } as never), /Did you mean "convention"/],
  ])('%j is refused', (metric, message) => {
    expect(() => planned([metric])).toThrow(message)
  })
})

function planned(metrics: readonly object[]): StudyPlan {
  const study = defineStudy({ ...studyInput, metrics } as unknown as StudyInput)
  const named = study.metrics.flatMap((metric) => extractorOf(metric) ?? [])
  const extractors = Object.fromEntries(
    named.map((settings) => {
      const label = settings.type === 'inception' ? 'Inception 0123' : settings.type
      return [contentId(settings), { label, sha256: label }]
    }),
  )
  return planCells(study, { ...plainFacts, classifier: null, extractors })
}

/** Random rows for every cell that embeds; those of texts and images have one width. */
function look(plan: StudyPlan): Map<string, CellFeatures> {
  const cells = plan.cells.filter(({ kind }) => kind === 'embed')
  return new Map(
    cells.map(({ key, work, label }) => {
      const random = new RandomStream(key)
      const width = label.includes('sharpness') ? 1 : 5
      const rows = Array.from({ length: work }, () => Array.from({ length: width }, () => random.normal() + 1))
      return [key, { rows, logitScale: 10 }]
    }),
  )
}
