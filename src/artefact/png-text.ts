import { crc32, inflateSync } from 'node:zlib'
import { ArtefactError } from '../errors/index.ts'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
/** A text that unpacks to more is left out. */
const largestText = 16_000_000

/**
 * A PNG with texts put before its pixels, by keyword (1 to 79 characters of Latin-1). A text of Latin-1 becomes a
 * `tEXt` chunk and any other an `iTXt` chunk, as Pillow does and with it A1111 (PNG specification, third edition, 11.3).
 * Throws ArtefactError (`broken-file`).
 */
export function withPngTexts(png: Uint8Array, texts: Readonly<Record<string, string>>): Buffer {
  const [header, ...rest] = chunksOf(png)
  const chunks = Object.entries(texts).map(([keyword, text]) => textChunk(keyword, text))
  return Buffer.concat([signature, ...[header, ...chunks, ...rest].flatMap((chunk) => (chunk ? [bytesOf(chunk)] : []))])
}

/** The texts of a PNG by keyword; the first of several with one keyword. Throws ArtefactError (`broken-file`). */
export function readPngTexts(png: Uint8Array): Readonly<Record<string, string>> {
  const found = new Map<string, string>()
  for (const chunk of chunksOf(png)) {
    const [keyword, text] = textOf(chunk) ?? []
    if (keyword !== undefined && text !== undefined && !found.has(keyword)) found.set(keyword, text)
  }
  return Object.fromEntries(found)
}

interface Chunk {
  readonly type: string
  readonly data: Buffer
}

function chunksOf(png: Uint8Array): Chunk[] {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength)
  if (!bytes.subarray(0, 8).equals(signature)) throw broken('it is no PNG')
  const chunks: Chunk[] = []
  for (let at = 8; at < bytes.length; ) {
    if (at + 12 > bytes.length) throw broken('it is cut off')
    const length = bytes.readUInt32BE(at)
    const end = at + 12 + length
    if (end > bytes.length) throw broken('it is cut off')
    const data = bytes.subarray(at + 8, end - 4)
    if (crc32(bytes.subarray(at + 4, end - 4)) !== bytes.readUInt32BE(end - 4)) throw broken('a checksum is wrong')
    chunks.push({ type: bytes.toString('latin1', at + 4, at + 8), data })
    at = end
  }
  if (chunks[0]?.type !== 'IHDR') throw broken('it has no header')
  return chunks
}

function bytesOf({ type, data }: Chunk): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8 + body.length)
  frame.writeUInt32BE(data.length)
  body.copy(frame, 4)
  frame.writeUInt32BE(crc32(body), frame.length - 4)
  return frame
}

function textChunk(keyword: string, text: string): Chunk {
  // A chunk's text has no zero byte.
  const written = text.replaceAll('\0', '')
  const plain = [...written].every((character) => (character.codePointAt(0) as number) < 0x100)
  const head = Buffer.from(`${keyword}\0`, 'latin1')
  if (plain) return { type: 'tEXt', data: Buffer.concat([head, Buffer.from(written, 'latin1')]) }
  // Not compressed, no language, no translated keyword.
  return { type: 'iTXt', data: Buffer.concat([head, Buffer.alloc(4), Buffer.from(written, 'utf8')]) }
}

function textOf({ type, data }: Chunk): [keyword: string, text: string] | null {
  const end = data.indexOf(0)
  if (end < 1) return null
  const keyword = data.toString('latin1', 0, end)
  const rest = data.subarray(end + 1)
  if (type === 'tEXt') return [keyword, rest.toString('latin1')]
  if (type === 'zTXt') return unpacked(keyword, rest.subarray(1), 'latin1')
  if (type !== 'iTXt') return null
  const language = rest.indexOf(0, 2)
  const translated = rest.indexOf(0, language + 1)
  if (language < 0 || translated < 0) return null
  const body = rest.subarray(translated + 1)
  return rest[0] === 1 ? unpacked(keyword, body, 'utf8') : [keyword, body.toString('utf8')]
}

function unpacked(keyword: string, body: Buffer, encoding: 'latin1' | 'utf8'): [string, string] | null {
  try {
    return [keyword, inflateSync(body, { maxOutputLength: largestText }).toString(encoding)]
  } catch {
    return null
  }
}

function broken(why: string): ArtefactError {
  return new ArtefactError({
    code: 'broken-file',
    message: `The file is not a whole PNG: ${why}. Fetch or write it again.`,
    facts: { why },
  })
}
