import { LabError } from '../errors/index.ts'
import { wrapWords } from './wrap-words.ts'

const framesPerSecond = 10

/** What a command says: results on standard output, progress on standard error. */
export interface Terminal {
  /** True when the result is to be one JSON document. */
  readonly json: boolean
  /** A line for a person; nothing with `--json`. */
  print(text: string): void
  /** The result: JSON with `--json`, else what `text` says. */
  result(value: unknown, text?: () => string): void
  /** A failure with what to do next. */
  fail(error: unknown): void
  /** The one line that shows what is going on, rewritten in place; nothing when that is no terminal. */
  status(text: string): void
  /** A line about progress that stays; shown where {@link status} is. */
  settle(text: string): void
  /** Something that a person must know although it is no result. */
  note(text: string): void
  /** Takes the status line away. */
  close(): void
}

/** A terminal on the streams of this process. */
export function openTerminal({ json }: { readonly json: boolean }): Terminal {
  const { stdout, stderr } = process
  const live = stderr.isTTY === true && !json
  let shown = false
  let shownAt = 0
  const clear = (): void => {
    if (shown) stderr.write('\r\u001b[2K')
    shown = false
  }
  const line = (stream: NodeJS.WriteStream, text: string): void => {
    clear()
    stream.write(`${stream.isTTY ? wrapWords(text, stream.columns) : text}\n`)
  }
  return {
    json,
    print: (text) => {
      if (!json) line(stdout, text)
    },
    result: (value, text) => {
      if (json) stdout.write(`${JSON.stringify(value, null, 2)}\n`)
      else if (text !== undefined) line(stdout, text())
    },
    fail: (error) => {
      if (json) stdout.write(`${JSON.stringify({ error: describeError(error) }, null, 2)}\n`)
      else line(stderr, `error: ${errorText(error)}`)
    },
    status: (text) => {
      if (!live || performance.now() - shownAt < 1000 / framesPerSecond) return
      const width = (stderr.columns ?? 80) - 1
      clear()
      stderr.write(text.length > width ? `${text.slice(0, width - 1)}…` : text)
      shown = true
      shownAt = performance.now()
    },
    settle: (text) => {
      if (live) line(stderr, text)
    },
    note: (text) => {
      if (!json) line(stderr, text)
    },
    close: clear,
  }
}

function describeError(error: unknown) {
  if (LabError.isInstance(error)) {
    return { name: error.name, code: error.code, message: error.message, facts: error.facts }
  }
  return {
    name: error instanceof Error ? error.name : 'Error',
    code: 'unexpected-error',
    message: errorText(error),
    facts: {},
  }
}

/** The message alone for our own errors; a stack for what nobody foresaw. */
function errorText(error: unknown): string {
  if (LabError.isInstance(error)) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
