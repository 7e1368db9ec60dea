import { image2sixel } from 'sixel'
import { encodePng, type RgbImage } from '../../artefact/png.ts'
import { contactSheet } from './contact-sheet.ts'
import type { Graphics } from './terminal-graphics.ts'

/** About what a character of a terminal measures; protocols that scale make up for the rest. */
const columnPixels = 8
/** Of base64 in one command of the kitty protocol. */
const longestChunk = 4096
const sixelColours = 256

/**
 * What makes a terminal show pictures, in rows that fit it. Ends with a line break.
 *
 * @param columns width of the terminal in characters
 */
export async function pictureText(pictures: readonly RgbImage[], graphics: Graphics, columns: number): Promise<string> {
  const sheet = await contactSheet(pictures, columns, graphics === 'blocks' ? 1 : columnPixels)
  switch (graphics) {
    case 'kitty':
      return kitty(await encodePng(sheet), sheet.columns)
    case 'iterm2':
      return iterm2(await encodePng(sheet), sheet.columns)
    case 'sixel':
      return `${image2sixel(withAlpha(sheet), sheet.width, sheet.height, sixelColours)}\n`
    case 'blocks':
      return blocks(sheet)
  }
}

/** Kitty graphics protocol: transmit a PNG and show it, in chunks. */
function kitty(png: Buffer, columns: number): string {
  const chunks = png.toString('base64').match(new RegExp(`.{1,${longestChunk}}`, 'g')) ?? []
  const commands = chunks.map((chunk, i) => {
    const first = i === 0 ? `a=T,f=100,c=${columns},` : ''
    return `\u001b_G${first}m=${i < chunks.length - 1 ? 1 : 0};${chunk}\u001b\\`
  })
  return `${commands.join('')}\n`
}

/** Inline images of iTerm2. */
function iterm2(png: Buffer, columns: number): string {
  const options = `inline=1;size=${png.length};width=${columns};preserveAspectRatio=1`
  return `\u001b]1337;File=${options}:${png.toString('base64')}\u0007\n`
}

/** Upper half blocks: the colour of the text is the upper pixel, that of the ground the lower one. */
function blocks({ pixels, width, height }: RgbImage): string {
  const colour = (column: number, row: number): string => {
    const at = 3 * (row * width + column)
    return row < height ? `${pixels[at]};${pixels[at + 1]};${pixels[at + 2]}` : '0;0;0'
  }
  const lines = Array.from({ length: Math.ceil(height / 2) }, (_, line) => {
    const characters = Array.from(
      { length: width },
      (_, column) => `\u001b[38;2;${colour(column, 2 * line)};48;2;${colour(column, 2 * line + 1)}m▀`,
    )
    return `${characters.join('')}\u001b[0m\n`
  })
  return lines.join('')
}

function withAlpha({ pixels, width, height }: RgbImage): Uint8Array {
  const rgba = new Uint8Array(4 * width * height).fill(255)
  for (let i = 0; i < width * height; i++) rgba.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i)
  return rgba
}
