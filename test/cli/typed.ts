import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'
import { expect, vi } from 'vitest'
import { python } from '../worker/scripted-worker.ts'

/** A program in a terminal of 50 by 100 characters. */
export interface Typed {
  /** Presses keys, after the program showed `awaited` since the last keys. Gives all that it showed until then. */
  type(awaited: string | RegExp, keys: string): Promise<string>
  /** Ends it as closing the window does. */
  end(): void
  /** Its exit code, and what it showed since the last keys. */
  readonly ended: Promise<{ readonly exitCode: number | undefined; readonly shown: string }>
}

export function typed(words: readonly string[], environment: Readonly<Record<string, string>>): Typed {
  const bridge = fileURLToPath(new URL('fixtures/in-terminal.py', import.meta.url))
  const program = execa(python, [bridge, ...words], { env: environment, reject: false, buffer: false })
  let shown = ''
  program.stdout.on('data', (data: Buffer) => {
    shown += data
  })
  return {
    type: async (awaited, keys) => {
      const text = await vi.waitFor(
        () => {
          const text = stripVTControlCharacters(shown)
          expect(text).toMatch(awaited)
          return text
        },
        { timeout: 30_000, interval: 20 },
      )
      shown = ''
      program.stdin.write(keys)
      return text
    },
    end: () => program.kill('SIGHUP'),
    ended: program.then(({ exitCode }) => ({ exitCode, shown: stripVTControlCharacters(shown) })),
  }
}
