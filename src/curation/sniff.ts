/** Beginnings of files by what they are; the byte `null` may be any. */
const beginnings: readonly (readonly [type: string, bytes: readonly (number | null)[]])[] = [
  ['jpeg', [0xff, 0xd8, 0xff]],
  ['png', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['webp', [...ascii('RIFF'), null, null, null, null, ...ascii('WEBP')]],
  ['gif', ascii('GIF8')],
  ['tiff', [0x49, 0x49, 0x2a, 0x00]],
  ['tiff', [0x4d, 0x4d, 0x00, 0x2a]],
  ['bmp', ascii('BM')],
  ['avif-or-heic', [null, null, null, null, ...ascii('ftyp')]],
  ['pdf', ascii('%PDF')],
]

/**
 * What the beginning of a file says that it is: `jpeg`, `png`, `webp`, another known type, `html` or `svg` for markup;
 * null for anything else. Nothing is decoded, so nothing hostile runs.
 */
export function sniff(bytes: Uint8Array): string | null {
  const found = beginnings.find(([, beginning]) => beginning.every((byte, i) => byte === null || bytes[i] === byte))
  if (found !== undefined) return found[0]
  const text = Buffer.from(bytes.subarray(0, 1024)).toString('latin1').toLowerCase()
  if (text.includes('<svg')) return 'svg'
  return /<(?:!doctype html|html|head|body|script)/.test(text) ? 'html' : null
}

function ascii(text: string): number[] {
  return [...Buffer.from(text, 'latin1')]
}
