import { type FileHandle, open, readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'

/** What a rater says of a pair, or counts in an image (`unclear` where that cannot be done). */
export const outcome = z.union([z.enum(['left', 'right', 'tie', 'both-bad', 'unclear']), z.int().min(0).max(9)])
export type Outcome = z.output<typeof outcome>

const vote = z.strictObject({
  type: z.literal('vote'),
  /** Place in the rater's order, from 0. */
  position: z.int().min(0),
  outcome,
  /** From the showing of the images to the vote. */
  milliseconds: z.number().min(0),
  /** Time of day, for people; the order of lines is what counts. */
  at: z.string(),
})
export type Vote = z.output<typeof vote>

const logLine = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('rater'), name: z.string(), protocol: z.string() }),
  vote,
  z.strictObject({ type: z.literal('undo'), at: z.string() }),
])
type LogLine = z.output<typeof logLine>

/**
 * The votes of one rater, a line each, appended and flushed to disk before they count. An undone vote stays in the file,
 * followed by a line that takes it back. What was being written when the process or the machine stopped is cut off.
 */
export class VoteLog {
  readonly #path: string
  readonly #file: FileHandle
  #votes: Vote[]
  #bytes: number

  private constructor(path: string, file: FileHandle, votes: Vote[], bytes: number) {
    this.#path = path
    this.#file = file
    this.#votes = votes
    this.#bytes = bytes
  }

  /** Opens the log of a rater, or begins it. Throws ArtefactError (`broken-votes`, `votes-not-written`). */
  static async open(path: string, name: string, protocol: string): Promise<VoteLog> {
    const file = await open(path, 'a+').then(async (created) => {
      await created.close()
      return open(path, 'r+')
    })
    try {
      const { votes, bytes } = await readLog(path, protocol)
      const log = new VoteLog(path, file, votes, bytes)
      if (bytes === 0) await log.#append({ type: 'rater', name, protocol })
      return log
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** Votes that count, in order. */
  get votes(): readonly Vote[] {
    return this.#votes
  }

  /** Resolves when the vote is on disk. Throws ArtefactError (`votes-not-written`); then it does not count. */
  async add(given: Omit<Vote, 'type' | 'at'>): Promise<void> {
    const line: Vote = { type: 'vote', ...given, at: new Date().toISOString() }
    await this.#append(line)
    this.#votes = [...this.#votes, line]
  }

  /** Takes the last vote back. */
  async undo(): Promise<void> {
    await this.#append({ type: 'undo', at: new Date().toISOString() })
    this.#votes = this.#votes.slice(0, -1)
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #append(line: LogLine): Promise<void> {
    const text = Buffer.from(`${JSON.stringify(line)}\n`)
    try {
      // Of an attempt that failed, half a line may be left.
      await this.#file.truncate(this.#bytes)
      const { bytesWritten } = await this.#file.write(text, 0, text.length, this.#bytes)
      if (bytesWritten < text.length) throw new Error(`only ${bytesWritten} of ${text.length} bytes were written`)
      await this.#file.sync()
    } catch (cause) {
      // It was told that it does not count, so it must not be found by who opens the file next.
      await this.#file.truncate(this.#bytes).catch(() => undefined)
      throw new ArtefactError({
        code: 'votes-not-written',
        message: `The vote could not be written to ${this.#path} and does not count: ${cause instanceof Error ? cause.message : cause}. Make room and vote again.`,
        facts: { path: this.#path },
        cause,
      })
    }
    this.#bytes += text.length
  }
}

/** Name and votes of a log that nobody writes. Throws ArtefactError (`broken-votes`). */
export async function readLog(path: string, protocol: string): Promise<{ name: string; votes: Vote[]; bytes: number }> {
  const text = await readFile(path)
  const bytes = text.lastIndexOf('\n') + 1
  const lines = text.subarray(0, bytes).toString('utf8').split('\n').slice(0, -1)
  let name = ''
  const votes: Vote[] = []
  lines.forEach((line, i) => {
    const parsed = parseLine(line)
    const holds =
      parsed !== null &&
      (parsed.type === 'rater'
        ? i === 0 && parsed.protocol === protocol
        : i > 0 && (parsed.type === 'undo' ? votes.length > 0 : parsed.position === votes.length))
    if (!holds) throw brokenVotes(path, i + 1)
    if (parsed.type === 'rater') name = parsed.name
    else if (parsed.type === 'vote') votes.push(parsed)
    else votes.pop()
  })
  return { name, votes, bytes }
}

function parseLine(line: string): LogLine | null {
  try {
    return logLine.parse(JSON.parse(line))
  } catch {
    return null
  }
}

function brokenVotes(path: string, line: number): ArtefactError {
  return new ArtefactError({
    code: 'broken-votes',
    message: `Line ${line} of ${path} is no vote of this rating. Mend the line, or move the file away to begin this rater anew.`,
    facts: { path, line },
  })
}
