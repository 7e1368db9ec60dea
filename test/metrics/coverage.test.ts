import { describe, expect, it } from 'vitest'
import { coverageCases, coverageOf } from '../../experiments/interval-coverage/cases.ts'

const { means, preferences, agreement } = coverageCases()

describe('coverage of a nominal 95 % interval lies between 93 and 97', () => {
  it.each([
    ...means.map((example) => ({ ...example, rounds: 800 })),
    ...preferences.slice(0, 2).map((example) => ({ ...example, rounds: 800 })),
    ...agreement.slice(0, 1).map((example) => ({ ...example, rounds: 300 })),
  ])(
    '$name',
    ({ rounds, ...example }) => {
      const coverage = coverageOf(example, rounds)
      expect(coverage).toBeGreaterThan(0.93)
      expect(coverage).toBeLessThan(0.97)
    },
    60_000,
  )
})
