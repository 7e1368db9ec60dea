import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { krippendorffAlpha, type MeasurementLevel } from '../../src/metrics/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import { inPython, python } from './reference.ts'

const levels: readonly MeasurementLevel[] = ['nominal', 'ordinal', 'interval']

describe('krippendorffAlpha', () => {
  it.skipIf(python === null)('equals the package krippendorff, with missing ratings, on every level', () => {
    const cases = [1, 2, 3].flatMap((seed) => {
      const random = new RandomStream('ratings', seed)
      const raters = 2 + seed
      const table = Array.from({ length: 40 }, () =>
        Array.from({ length: raters }, () => (random.chance(0.25) ? null : 2 + random.integer(2 + seed) * seed)),
      )
      return levels.map((level) => ({ level, table }))
    })
    const expected = inPython<number[]>(
      `import krippendorff, numpy as np
print(json.dumps([float(krippendorff.alpha(
  reliability_data=np.array([[np.nan if v is None else v for v in row] for row in case['table']], dtype=float).T,
  level_of_measurement=case['level'])) for case in data]))`,
      cases,
    )
    cases.forEach(({ level, table }, i) => {
      const units = table.map((row) => row.filter((value) => value !== null))
      // 1e-12: sums of some hundred products on either side.
      expect(krippendorffAlpha(units, { level, seed: 1 })?.alpha).toBeCloseTo(expected[i] as number, 12)
    })
  })

  it('equals the worked example of Krippendorff (2011), four observers and twelve units', () => {
    const units = [
      [1, 1, 1],
      [2, 2, 3, 2],
      [3, 3, 3, 3],
      [3, 3, 3, 3],
      [2, 2, 2, 2],
      [1, 2, 3, 4],
      [4, 4, 4, 4],
      [1, 1, 2, 1],
      [2, 2, 2, 2],
      [5, 5, 5],
      [1, 1],
      [3],
    ]
    const alphas = levels.map((level) => krippendorffAlpha(units, { level, seed: 1 })?.alpha)
    expect(alphas[0]).toBeCloseTo(0.743, 3)
    expect(alphas[1]).toBeCloseTo(0.815, 3)
    expect(alphas[2]).toBeCloseTo(0.849, 3)
    expect(krippendorffAlpha(units, { level: 'nominal', seed: 1 })?.units).toBe(11)
  })

  it('is 1 for agreement, below 0 for systematic disagreement, and nothing where nothing varies', () => {
    const agreed = krippendorffAlpha(
      [
        [1, 1],
        [2, 2],
        [1, 1],
        [3, 3],
      ],
      { level: 'nominal', seed: 1 },
    )
    expect(agreed).toMatchObject({ alpha: 1, low: 1, high: 1 })
    const opposed = krippendorffAlpha(
      [
        [1, 2],
        [2, 1],
        [1, 2],
      ],
      { level: 'nominal', seed: 1 },
    )
    expect(opposed?.alpha).toBeLessThan(0)
    expect(
      krippendorffAlpha(
        [
          [1, 1],
          [1, 1],
        ],
        { level: 'ordinal', seed: 1 },
      ),
    ).toBeNull()
  })

  it('is repeatable, does not care who said what, and heeds of values what its level says', () => {
    const value = fc.integer({ min: 0, max: 4 })
    const units = fc.array(fc.array(value, { minLength: 2, maxLength: 4 }), { minLength: 6, maxLength: 12 })
    fc.assert(
      fc.property(units, fc.constantFrom(...levels), (rows, level) => {
        const plain = krippendorffAlpha(rows, { level, seed: 3 })
        expect(krippendorffAlpha(rows, { level, seed: 3 })).toEqual(plain)
        const turned = krippendorffAlpha(
          rows.map((row) => row.toReversed()),
          { level, seed: 3 },
        )
        expect(turned?.alpha ?? null).toEqual(plain === null ? null : expect.closeTo(plain.alpha, 12))
        const stretched = (level === 'interval' ? (x: number) => 3 * x - 1 : (x: number) => x ** 3) as typeof Number
        const moved = krippendorffAlpha(
          rows.map((row) => row.map(stretched)),
          { level, seed: 3 },
        )
        expect(moved?.alpha ?? null).toEqual(plain === null ? null : expect.closeTo(plain.alpha, 9))
      }),
      { numRuns: 30 },
    )
  })

  it('refuses what it cannot use', () => {
    const fine = [
      [1, 2],
      [2, 2],
      [1, 1],
    ]
    expect(() => krippendorffAlpha([[1, 2], [1]], { level: 'nominal', seed: 1 })).toThrow(
      /2 units with two values, got 1/,
    )
    expect(() =>
      krippendorffAlpha(
        [
          [1, Number.NaN],
          [1, 2],
        ],
        { level: 'nominal', seed: 1 },
      ),
    ).toThrow(/finite/)
    expect(() => krippendorffAlpha(fine, { level: 'nominal', seed: 1, draws: 100 })).toThrow(/draws/)
    expect(() => krippendorffAlpha(fine, { level: 'nominal', seed: 1, confidence: 0 })).toThrow(/confidence/)
  })
})
