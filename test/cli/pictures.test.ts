import { decode } from 'sixel'
import { expect, test } from 'vitest'
import { decodeRgb, type RgbImage } from '../../src/artefact/png.ts'
import { contactSheet } from '../../src/cli/pictures/contact-sheet.ts'
import { pictureText } from '../../src/cli/pictures/picture-text.ts'

const columns = 60

/** Left half of one colour, right half of another. */
function halves(left: readonly number[], right: readonly number[]): RgbImage {
  const [width, height] = [32, 16]
  const row = [left, right].flatMap((colour) => Array.from({ length: width / 2 }, () => colour).flat())
  const pixels = Array.from({ length: height }, () => row).flat()
  return { pixels: Uint8Array.from(pixels), width, height }
}

const red = [200, 10, 10]
const blue = [10, 10, 200]
const pictures = [halves(red, blue), halves(blue, red), halves(red, red)]

test('pictures stand in rows that fit, with a gap between them', async () => {
  const sheet = await contactSheet(pictures, columns, 1)
  // Two of 29 columns and one between them; the third begins a row.
  expect([sheet.columns, sheet.width, sheet.height]).toEqual([59, 59, 31])
  const at = (column: number, row: number) => [
    ...sheet.pixels.subarray(3 * (row * 59 + column), 3 * (row * 59 + column) + 3),
  ]
  expect([at(2, 2), at(27, 2), at(29, 2), at(31, 2), at(57, 2), at(2, 20), at(40, 20)]).toEqual([
    ...[red, blue, [0, 0, 0], blue, red, red, [0, 0, 0]],
  ])
  expect((await contactSheet(pictures.slice(0, 1), 200, 2)).columns).toBe(40)
  expect((await contactSheet(pictures, 3, 1)).width).toBe(3)
})

test('kitty and iTerm2 get the sheet as PNG, kitty in chunks of at most 4096', async () => {
  const sheet = await contactSheet(pictures, columns, 8)
  const kitty = await pictureText(pictures, 'kitty', columns)
  const commands = [...kitty.matchAll(/_G([^;]*);([\w+/=]*)/g)]
  expect(commands[0]?.[1]).toBe(`a=T,f=100,c=59,m=${commands.length > 1 ? 1 : 0}`)
  expect(commands.at(-1)?.[1]).toMatch(/m=0$/)
  expect(Math.max(...commands.map(([, , data]) => (data as string).length))).toBeLessThanOrEqual(4096)
  const [, options, data] = /1337;File=([^:]*):([\w+/=]*)/.exec(await pictureText(pictures, 'iterm2', columns)) ?? []
  expect(options).toMatch(/^inline=1;size=\d+;width=59;preserveAspectRatio=1$/)
  for (const base64 of [commands.map(([, , chunk]) => chunk).join(''), data as string]) {
    const { pixels, width, height } = await decodeRgb(Buffer.from(base64, 'base64'))
    expect({ pixels: Buffer.from(pixels), width, height }).toEqual({
      pixels: Buffer.from(sheet.pixels),
      width: sheet.width,
      height: sheet.height,
    })
  }
})

test('a sixel picture read back has the colours, as far as percents tell them', async () => {
  const text = await pictureText([halves(red, blue)], 'sixel', 24)
  const { data32, width } = decode(text.slice(text.indexOf('q') + 1))
  const at = (column: number) => [0, 8, 16].map((shift) => ((data32[10 * width + column] as number) >> shift) & 255)
  // Sixels tell colours in hundredths: half of 2.55 off, and the quantiser's own step.
  for (const [column, colour] of [
    [4, red],
    [width - 4, blue],
  ] as const) {
    for (const [i, value] of at(column).entries())
      expect(Math.abs(value - (colour[i] as number))).toBeLessThanOrEqual(4)
  }
})

test('blocks hold two rows of pixels in a line', async () => {
  const text = await pictureText([halves(red, blue)], 'blocks', 24)
  const lines = text.trimEnd().split('\n')
  expect(lines).toHaveLength(6)
  for (const line of lines) {
    expect(line.match(/▀/g)).toHaveLength(24)
    expect(line.startsWith('\u001b[38;2;200;10;10;48;2;200;10;10m▀')).toBe(true)
    expect(line.endsWith('\u001b[0m')).toBe(true)
  }
})
