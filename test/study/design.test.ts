import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/errors/index.ts'
import { designDefinition, fraction, layOut } from '../../src/study/design.ts'
import { chooseFraction, isHigh, type Pair } from '../../src/study/fraction.ts'

const over = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, [0, 1]]))
const all = (count: number): Pair[] =>
  Array.from({ length: count }, (_, a) => Array.from({ length: count - a - 1 }, (_, i): Pair => [a, a + 1 + i])).flat()

describe('chooseFraction', () => {
  // Box, Hunter and Hunter (2005), table 6.22, and Montgomery (2017), appendix X: runs and resolution.
  it.each([
    [3, [], 4, 3],
    [4, [], 8, 4],
    [5, all(5), 16, 5],
    [6, all(6), 32, 6],
    [7, [], 8, 3],
    [8, [], 16, 4],
    [8, all(8), 64, 5],
  ] as const)(
    'finds for %i factors and these interactions the fraction of the tables',
    (factors, pairs, runs, resolution) => {
      expect(chooseFraction(factors, pairs, null)).toMatchObject({ runs, resolution })
    },
  )

  it('balances every factor, and keeps what is asked for apart, by the sums over the runs themselves', () => {
    const cases = fc
      .integer({ min: 2, max: 7 })
      .chain((factors) => fc.tuple(fc.constant(factors), fc.subarray(all(factors))))
    fc.assert(
      fc.property(cases, ([factors, pairs]) => {
        const chosen = chooseFraction(factors, pairs, null)
        const signs = (effect: readonly number[]) =>
          Array.from({ length: chosen.runs }, (_, run) =>
            effect.reduce((product, factor) => product * (isHigh(chosen, factor, run) ? 1 : -1), 1),
          )
        const effects = [...Array.from({ length: factors }, (_, i) => [i]), ...pairs].map(signs)
        const products = (a: readonly number[], b: readonly number[]) =>
          a.reduce((sum, sign, i) => sum + sign * (b[i] ?? 0), 0)
        for (const [i, effect] of effects.entries()) {
          expect(effect.reduce((sum, sign) => sum + sign, 0)).toBe(0)
          for (const other of effects.slice(i + 1)) expect(products(effect, other)).toBe(0)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('says how many runs would do when there are too few', () => {
    expect(() => chooseFraction(5, all(5), 8)).toThrow(/8 runs.*16 runs can/)
  })
})

describe('layOut', () => {
  it('runs all combinations by default, the first axis outermost', () => {
    const layout = layOut('a', { rank: [4, 8], rate: [1, 2, 3] }, { type: 'full' })
    expect(layout.runs.map((run) => run.map(({ label }) => label).join())).toEqual([
      '4,1',
      '4,2',
      '4,3',
      '8,1',
      '8,2',
      '8,3',
    ])
    expect(layout.effects).toEqual([
      { axes: ['rank'], aliases: [] },
      { axes: ['rate'], aliases: [] },
    ])
  })

  it('says what a fraction cannot tell apart', () => {
    const design = designDefinition.parse(fraction({ interactions: [['f0', 'f1']] }))
    const { runs, combinations, resolution, effects } = layOut('a', over(4), design)
    expect([runs.length, combinations, resolution]).toEqual([8, 16, 4])
    expect(effects.at(-1)).toEqual({ axes: ['f0', 'f1'], aliases: [['f2', 'f3']] })
    expect(effects.slice(0, 4).every(({ aliases }) => aliases.length === 0)).toBe(true)
  })

  const refused: [string, object, Parameters<typeof fraction>[0], RegExp][] = [
    ['an axis of three values', { a: [1, 2, 3], b: [1, 2] }, {}, /"a" has 3/],
    ['a single axis', { a: [1, 2] }, {}, /it has 1/],
    ['more runs than there are', over(2), { runs: 8 }, /8 runs, but there are 4/],
    ['too few runs', over(5), { runs: 8 }, /16 runs can/],
    ['an interaction of nothing', over(3), { interactions: [['f0', 'f9']] }, /f0 and f9.*Did you mean/],
    ['an interaction with itself', over(3), { interactions: [['f0', 'f0']] }, /not two settings/],
  ]
  it.each(refused)('refuses %s', (_, axes, options, message) => {
    const design = designDefinition.parse(fraction(options))
    const make = () => layOut('arm', axes as Record<string, number[]>, design)
    expect(make).toThrow(ConfigError)
    expect(make).toThrow(message)
  })

  it('refuses runs that are no power of two', () => {
    expect(designDefinition.safeParse(fraction({ runs: 6 })).success).toBe(false)
  })
})
