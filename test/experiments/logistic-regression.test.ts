import { expect, test } from 'vitest'
import { fitLogistic } from '../../experiments/datasets/logistic-regression.ts'
import { RandomStream } from '../../src/util/random.ts'

test('it finds the weights that labels were drawn by, on any scale of the features', () => {
  const random = new RandomStream('logistic')
  const rows = Array.from({ length: 4000 }, () => [random.normal(), 100 + 20 * random.normal()])
  const labels = rows.map(([a = 0, b = 0]) =>
    random.unit() < 1 / (1 + Math.exp(-(1.5 * a - 0.1 * (b - 100)))) ? 1 : 0,
  )
  const { weights, bias } = fitLogistic(rows, labels)
  // Three standard errors at this many observations.
  expect(Math.abs((weights[0] as number) - 1.5)).toBeLessThan(0.2)
  expect(Math.abs((weights[1] as number) + 0.1)).toBeLessThan(0.01)
  expect(Math.abs(bias - 10)).toBeLessThan(1)
})

test('classes of unequal number weigh alike, and those that can be parted have finite weights', () => {
  const rows = [[0], [0], [0], [0], [0], [0], [1]]
  const { weights, bias } = fitLogistic(rows, [0, 0, 0, 0, 0, 0, 1])
  expect(Number.isFinite(weights[0])).toBe(true)
  expect(bias + (weights[0] as number) / 2).toBeCloseTo(0, 6)
})
