import { expect, test } from 'vitest'
import { imageMatchers } from '../../src/testing/index.ts'
import { image } from '../dataset/image-folder.ts'

const black = { pixels: new Uint8Array(2 * 3 * 3), width: 2, height: 3 }
const spot = { ...black, pixels: Uint8Array.from(black.pixels, (_, i) => (i === 10 ? 90 : 0)) }

test('equal images are close, and the message of the opposite says so', async () => {
  const verdict = await imageMatchers.toBeCloseToImage(black, black, { mean: 0, maximum: 0 })
  expect(verdict.pass).toBe(true)
  expect(verdict.message()).toContain('the images are close: mean difference 0.000')
})

test('the message of a failure holds every number and the place', async () => {
  const verdict = await imageMatchers.toBeCloseToImage(spot, black)
  expect(verdict.pass).toBe(false)
  expect(verdict.message()).toBe(
    'the images are not close: mean difference 5.000 (limit 1), largest 90 (limit 16) at column 1, row 1, 16.7 % of 6 pixels differ',
  )
  expect((await imageMatchers.toBeCloseToImage(spot, black, { mean: 5, maximum: 90 })).pass).toBe(true)
})

test('images of different sizes are never close', async () => {
  const verdict = await imageMatchers.toBeCloseToImage(
    black,
    { ...black, width: 3, height: 2 },
    { mean: 255, maximum: 255 },
  )
  expect(verdict).toMatchObject({ pass: false })
  expect(verdict.message()).toBe('the image is 2x3 pixels, the expected one 3x2')
})

test('the size of encoded images', async () => {
  expect((await imageMatchers.toHaveSize(await image(1), 24, 16)).pass).toBe(true)
  const verdict = await imageMatchers.toHaveSize(await image(1), 16, 24)
  expect([verdict.pass, verdict.message()]).toEqual([false, 'the image is 24x16 pixels, not 16x24'])
})

expect.extend(imageMatchers)

declare module 'vitest' {
  interface Matchers<T> {
    toHaveSize(width: number, height: number): Promise<T>
  }
}

test('they extend the runner', async () => {
  await expect(black).toHaveSize(2, 3)
  await expect(expect(black).toHaveSize(9, 9)).rejects.toThrow('2x3 pixels, not 9x9')
})
