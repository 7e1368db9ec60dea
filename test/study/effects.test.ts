import { expect, it } from 'vitest'
import { defectProbability } from '../../src/config/metric.ts'
import { lora } from '../../src/config/technique.ts'
import type { Judgement } from '../../src/study/cell-record.ts'
import { defineStudy } from '../../src/study/define-study.ts'
import type { StudyInput } from '../../src/study/definition.ts'
import { fraction } from '../../src/study/design.ts'
import { measureStudy } from '../../src/study/measure.ts'
import { type PlannedArm, planCells, type StudyPlan } from '../../src/study/plan.ts'
import { RandomStream } from '../../src/util/random.ts'
import { facts, studyInput } from './fixtures/sample-plan.ts'

const over = { rank: [2, 4], alpha: [1, 2], learningRate: [1e-3, 1e-4] }
const high = { rank: '4', alpha: '2', learningRate: '0.0001' } as const
const isHigh = (arm: PlannedArm, axis: keyof typeof high) => arm.levels[axis] === high[axis]

it('finds main effects and interactions of a full design within pairs', () => {
  const plan = planned({ lora: { train: { technique: lora() }, over } })
  // rank raises by 0.2, and with alpha by 0.1 more; pictures differ much from seed to seed.
  const effects = effectsOf(plan, (arm) => (isHigh(arm, 'rank') ? 0.2 + (isHigh(arm, 'alpha') ? 0.1 : 0) : 0))
  expect(effects.map(({ axes }) => axes.join('×'))).toEqual([
    'rank',
    'alpha',
    'learningRate',
    'rank×alpha',
    'rank×learningRate',
    'alpha×learningRate',
  ])
  const values = effects.map(({ change }) => change?.value ?? 0)
  // By hand: rank is 0.2 in half of the runs and 0.3 in the others; alpha 0.1 in half of them; together half of 0.1.
  for (const [i, value] of [0.25, 0.05, 0, 0.05, 0, 0].entries()) expect(values[i]).toBeCloseTo(value, 1)
  expect(effects[0]?.contrast).toBe('4 against 2')
  expect(effects[0]?.change?.low).toBeGreaterThan(0.2)
  expect(effects[0]?.change?.adjustedP).toBeLessThan(0.05)
  expect(effects[2]?.change?.adjustedP).toBeGreaterThan(0.05)
  expect(effects.every(({ change }) => (change?.adjustedP ?? 0) >= (change?.p ?? 1))).toBe(true)
})

it('finds the effects that a fraction tells apart, with what each is confused with', () => {
  const design = fraction({ interactions: 'none' })
  const plan = planned({ lora: { train: { technique: lora() }, over, design } })
  expect(plan.arms).toHaveLength(5)
  const effects = effectsOf(plan, (arm) => (isHigh(arm, 'rank') ? 0.3 : 0))
  expect(effects.map(({ axes, aliases }) => [axes, aliases])).toEqual([
    [['rank'], [['alpha', 'learningRate']]],
    [['alpha'], [['rank', 'learningRate']]],
    [['learningRate'], [['rank', 'alpha']]],
  ])
  expect(effects[0]?.change?.value).toBeCloseTo(0.3, 1)
})

it('compares each further value of a longer axis with the first', () => {
  const plan = planned({ lora: { train: { technique: lora() }, over: { rank: [2, 4, 8], alpha: [1, 2] } } })
  const effects = effectsOf(plan, ({ levels }) => Number(levels.rank ?? 0) / 20)
  expect(effects.map(({ contrast }) => contrast)).toEqual(['4 against 2', '8 against 2', '2 against 1'])
  expect(effects[0]?.change?.value).toBeCloseTo(0.1, 1)
  expect(effects[1]?.change?.value).toBeCloseTo(0.3, 1)
})

it('says why an effect cannot be estimated', () => {
  const except = [{ when: { rank: 4, alpha: 2 }, reason: 'too large' }]
  const holes = planned({ lora: { train: { technique: lora() }, over, except } })
  expect(effectsOf(holes, () => 0)[0]).toMatchObject({ change: null, reason: 'some of its variants are missing' })
  const seeds = { first: [1, 2, 3], last: [4, 5, 6] }
  const split = planned({ lora: { train: { technique: lora() }, over: { rank: [2, 4], seeds } } })
  expect(effectsOf(split, () => 0)[0]?.reason).toBe('its variants share no seeds')
})

function planned(arms: object): StudyPlan {
  const change = { arms: { baseline: {}, ...arms }, seeds: 12, metrics: [defectProbability()] }
  return planCells(defineStudy({ ...studyInput, ...change } as StudyInput), facts)
}

function effectsOf(plan: StudyPlan, raise: (arm: PlannedArm) => number) {
  const judgements = new Map<string, Judgement[]>()
  for (const arm of plan.arms) {
    for (const [prompt, key] of arm.scores.entries()) {
      if (key === null) continue
      const judge = (seed: number): Judgement => ({
        fingers: 5,
        fingerProbabilities: [],
        // The seed's part is that of every arm, the small rest is the arm's own.
        defectProbability:
          new RandomStream('seed', prompt, seed).uniform(0, 0.5) +
          new RandomStream('arm', arm.name, prompt, seed).uniform(0, 0.02) +
          raise(arm),
        features: [],
      })
      judgements.set(key, arm.seeds.map(judge))
    }
  }
  return measureStudy(plan, { judgements, features: new Map() })[0]?.effects ?? []
}
