import { expect, test } from 'vitest'
import { autocorrelation, correlatedSide as side } from '../../src/quality/autocorrelation.ts'
import { FourierTransform } from '../../src/quality/fourier-transform.ts'
import { RandomStream } from '../../src/util/random.ts'

function noise(count: number, key: string): Float64Array {
  const random = new RandomStream('fourier', key)
  return Float64Array.from({ length: count }, () => random.normal())
}

test('the transform is that of the definition', () => {
  const [real, imaginary] = [noise(64, 'real'), noise(64, 'imaginary')]
  const expected = Array.from({ length: 64 }, (_, k) => {
    let [re, im] = [0, 0]
    for (let n = 0; n < 64; n++) {
      const angle = (-2 * Math.PI * k * n) / 64
      re += (real[n] as number) * Math.cos(angle) - (imaginary[n] as number) * Math.sin(angle)
      im += (real[n] as number) * Math.sin(angle) + (imaginary[n] as number) * Math.cos(angle)
    }
    return [re, im]
  })
  new FourierTransform(64).transform(real, imaginary)
  for (const [k, [re = 0, im = 0]] of expected.entries()) {
    expect(real[k]).toBeCloseTo(re, 10)
    expect(imaginary[k]).toBeCloseTo(im, 10)
  }
})

test('the autocorrelation is that of sums over all pixels', () => {
  const values = noise(side * side, 'picture')
  const likeness = autocorrelation(values, 9)
  const sum = (dx: number, dy: number): number => {
    let total = 0
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        total +=
          (values[y * side + x] as number) * (values[((y + dy) % side) * side + ((x + dx) & (side - 1))] as number)
    return total
  }
  for (const [x, y] of [
    [0, 0],
    [1, 0],
    [5, 3],
    [-7, 2],
    [128, 9],
    [-1, 9],
    [30, 8],
  ] as const)
    expect(likeness[y * side + (x & (side - 1))]).toBeCloseTo(sum(x, y) / sum(0, 0), 10)
})

test('nothing is like nothing', () => {
  expect(autocorrelation(new Float64Array(side * side), 4).every((value) => value === 0)).toBe(true)
})
