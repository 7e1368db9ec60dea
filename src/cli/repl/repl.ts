import { join } from 'node:path'
import { type REPLServer, start } from 'node:repl'
import { inspect, promisify } from 'node:util'
import open from 'open'
import { LabError } from '../../errors/index.ts'
import type { Lab } from '../../lab/index.ts'
import { atomicWrite } from '../../util/atomic-write.ts'
import { pictureText } from '../pictures/picture-text.ts'
import type { Graphics } from '../pictures/terminal-graphics.ts'
import type { Terminal } from '../terminal.ts'
import { picturePage } from './picture-page.ts'
import { isPictures, picturesOf, type Shown } from './pictures.ts'
import { watchedLab } from './watched-lab.ts'

/** Code of Node's error for what Ctrl-C ended. */
const interrupted = 'ERR_SCRIPT_EXECUTION_INTERRUPTED'

export interface ReplOptions {
  readonly lab: Lab
  readonly terminal: Terminal
  /** Names that are ready beside `lab`, `show` and `browse`. */
  readonly names: Readonly<Record<string, unknown>>
  readonly graphics: Graphics
  /** Aborting ends the session. */
  readonly signal: AbortSignal
}

/**
 * A session at the terminal, until it is left. `await` works at top level, what is typed is kept for the next session
 * in the lab's folder, pictures that come out are shown, and Ctrl-C cancels what runs and not the session.
 */
export async function runRepl({ lab, terminal, names, graphics, signal }: ReplOptions): Promise<void> {
  const { stdout } = process
  const watched = watchedLab(lab, terminal)
  const show = async (shown: Shown): Promise<void> => {
    stdout.write(await pictureText(await picturesOf(shown), graphics, stdout.columns))
  }
  const browse = async (shown: Shown): Promise<string> => {
    const page = join(lab.folder, 'pictures.html')
    await atomicWrite(page, await picturePage(await picturesOf(shown)))
    await open(page)
    return page
  }
  const server = start({
    prompt: 'phalanx> ',
    breakEvalOnSigint: true,
    ignoreUndefined: true,
    writer: written,
  })
  Object.assign(server.context, names, { lab: watched.lab, show, browse })
  showResults(server, show)
  cancelOnInterrupt(server, watched.cancel, terminal)
  const left = new Promise<void>((resolve) => server.once('exit', resolve))
  signal.addEventListener('abort', () => server.close(), { once: true })
  await promisify(server.setupHistory).call(server, join(lab.folder, 'repl-history'))
  await left
  watched.cancel()
}

/** Pictures by what they do not show themselves, and our own errors by what they say, not where that was noticed. */
function written(value: unknown): string {
  if (LabError.isInstance(value)) return `${value.name}: ${value.message}`
  if (value instanceof Error && 'code' in value && value.code === interrupted) return 'Interrupted.'
  return isPictures(value) ? describe(value) : inspect(value, { colors: process.stdout.hasColors() })
}

function describe(value: unknown): string {
  const list = (Array.isArray(value) ? value : [value]) as readonly { width: number; height: number; seed?: number }[]
  return list
    .map(({ width, height, seed }) => `${width}x${height}${seed === undefined ? '' : `, seed ${seed}`}`)
    .join('; ')
}

/** Shows pictures before they are described. */
function showResults(server: REPLServer, show: (shown: Shown) => Promise<void>): void {
  const evaluate = server.eval
  const shown: REPLServer['eval'] = function (this: REPLServer, code, context, file, callback) {
    evaluate.call(this, code, context, file, (error, result) => {
      if (error !== null || !isPictures(result)) callback(error, result)
      else
        show(result).then(
          () => callback(null, result),
          (failure: Error) => callback(failure, undefined),
        )
    })
  }
  Object.defineProperty(server, 'eval', { value: shown })
}

/** Ctrl-C cancels what the lab runs; when it runs nothing, it does what it does in Node. */
function cancelOnInterrupt(server: REPLServer, cancel: () => boolean, terminal: Terminal): void {
  const ordinary = server.listeners('SIGINT')
  server.removeAllListeners('SIGINT')
  server.on('SIGINT', () => {
    if (cancel()) terminal.note('\nCancelling. The same call goes on from its checkpoint.')
    for (const listener of ordinary) listener.call(server)
  })
}
