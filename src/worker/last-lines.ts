import { open } from 'node:fs/promises'
import type { Readable } from 'node:stream'

const keptLines = 50
const keptBytes = 16 * 1024

/** The end of a stream, however much comes. */
export class TextTail {
  #text = ''

  constructor(stream: Readable) {
    stream.setEncoding('utf8')
    stream.on('data', (chunk: string) => {
      this.#text = (this.#text + chunk).slice(-keptBytes)
    })
    stream.on('error', () => undefined)
  }

  lines(): string[] {
    return linesOf(this.#text)
  }
}

/** The last lines of files, one file after the other; a file that is not there has none. */
export async function lastLines(...files: readonly string[]): Promise<string[]> {
  return (await Promise.all(files.map(endOfFile))).flatMap(linesOf)
}

async function endOfFile(path: string): Promise<string> {
  const file = await open(path).catch(() => null)
  if (file === null) return ''
  try {
    const { size } = await file.stat()
    const start = Math.max(0, size - keptBytes)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await file.close()
  }
}

function linesOf(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .filter((line) => line !== '')
    .slice(-keptLines)
}
