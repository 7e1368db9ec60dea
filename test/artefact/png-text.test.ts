import { execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { decodeRgb, encodePng } from '../../src/artefact/png.ts'
import { readPngTexts, withPngTexts } from '../../src/artefact/png-text.ts'

const image = { pixels: Uint8Array.from({ length: 4 * 3 * 3 }, (_, i) => i * 7), width: 4, height: 3 }
let folder: string
let png: Buffer
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'png-text-test-'))
  png = await encodePng(image)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function python(script: string, ...args: string[]): string {
  return execFileSync(process.env.PHALANX_PYTHON ?? 'python3', ['-c', script, ...args], { encoding: 'utf8' })
}

/** Without zero bytes, and nothing that is no text in UTF-8. */
const text = fc.string({ unit: 'binary' }).filter((value) => !value.includes('\0') && value.isWellFormed())
const keyword = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,20}$/)

test('any text comes back, and the pixels stay', async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(keyword, text, { noNullPrototype: true }), async (texts) => {
      const written = withPngTexts(png, texts)
      expect(readPngTexts(written)).toEqual({ ...texts })
      expect(await decodeRgb(written)).toEqual(image)
    }),
    { numRuns: 50 },
  )
})

test('Pillow, and with it A1111, reads what is written', async () => {
  const texts = { parameters: 'a “hand” ✋,\n"two" lines: é', plain: 'Grüße, "x"' }
  const path = join(folder, 'ours.png')
  await writeFile(path, withPngTexts(png, texts))
  const script =
    'import json, sys; from PIL import Image; im = Image.open(sys.argv[1]); im.load(); print(json.dumps(im.info))'
  expect(JSON.parse(python(script, path))).toMatchObject(texts)
})

test('what Pillow writes is read, compressed or not', () => {
  const path = join(folder, 'theirs.png')
  const script = `
import sys
from PIL import Image, PngImagePlugin
info = PngImagePlugin.PngInfo()
info.add_text("plain", "Grüße")
info.add_text("packed", "a" * 5000, zip=True)
info.add_itxt("wide", "✋", zip=True)
info.add_text("parameters", "a hand ✋")
Image.new("RGB", (2, 2)).save(sys.argv[1], pnginfo=info)
`
  python(script, path)
  const texts = execFileSync('cat', [path])
  expect(readPngTexts(texts)).toEqual({
    plain: 'Grüße',
    packed: 'a'.repeat(5000),
    wide: '✋',
    parameters: 'a hand ✋',
  })
})

test.each([
  ['no PNG', () => Buffer.from('hello')],
  ['nothing', () => Buffer.alloc(0)],
  ['a cut-off file', () => png.subarray(0, png.length - 3)],
  ['a signature alone', () => png.subarray(0, 8)],
  ['a changed byte', () => Buffer.from(png.map((byte, i) => (i === 20 ? byte ^ 1 : byte)))],
])('%s is a typed error', (_, bytes) => {
  expect(() => readPngTexts(bytes())).toThrowError(
    expect.objectContaining({ name: 'ArtefactError', code: 'broken-file' }),
  )
})

test('a text that would unpack to gigabytes is left out', () => {
  const script = `
import sys, zlib, struct
body = b"bomb\\0\\0" + zlib.compress(b"a" * 60_000_000)
chunk = b"zTXt" + body
sys.stdout.buffer.write(struct.pack(">I", len(body)) + chunk + struct.pack(">I", zlib.crc32(chunk)))
`
  const chunk = execFileSync(process.env.PHALANX_PYTHON ?? 'python3', ['-c', script])
  // Behind the header chunk, whose end is at 33.
  expect(readPngTexts(Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]))).toEqual({})
})
