import type { CallOptions, Lab, LabRun } from '../../lab/index.ts'
import { RunStatus } from '../run-status.ts'
import type { Terminal } from '../terminal.ts'

/** What takes time and takes a signal. */
const cancellable: ReadonlySet<string | symbol> = new Set([
  'base',
  'train',
  'explain',
  'classImages',
  'dreamBooth',
  'extract',
  'sample',
  'classify',
  'trainClassifier',
  'createBase',
] satisfies (keyof Lab)[])

type Call = (request: unknown, options?: CallOptions) => PromiseLike<unknown>

/** A lab for a person at a prompt. */
export interface WatchedLab {
  /** The same lab; whoever awaits a run of it sees how far it is. */
  readonly lab: Lab
  /** Cancels what runs, a training with a checkpoint; false when nothing does. */
  cancel(): boolean
}

/** Lets one cancel everything that a lab runs, without a signal given to each call. */
export function watchedLab(lab: Lab, terminal: Terminal): WatchedLab {
  const running = new Set<PromiseLike<unknown>>()
  let controller = new AbortController()
  const called = (call: Call): Call => {
    return (request, options = {}) => {
      const signals = [controller.signal, ...(options.signal === undefined ? [] : [options.signal])]
      const run = call.call(lab, request, { ...options, signal: AbortSignal.any(signals) })
      running.add(run)
      const end = (): void => {
        running.delete(run)
        if (running.size === 0) terminal.close()
      }
      run.then(end, end)
      return isRun(run) ? shownWhenAwaited(run, terminal) : run
    }
  }
  return {
    lab: new Proxy(lab, {
      get: (_, name) => {
        const value: unknown = Reflect.get(lab, name, lab)
        if (typeof value !== 'function') return value
        return cancellable.has(name) ? called(value as Call) : value.bind(lab)
      },
    }),
    cancel: () => {
      if (running.size === 0) return false
      controller.abort(new DOMException('Interrupted', 'AbortError'))
      controller = new AbortController()
      return true
    },
  }
}

function isRun(value: PromiseLike<unknown>): value is LabRun<unknown> {
  return Symbol.asyncIterator in value
}

/** A run whose events go to the status line as soon as it is awaited; a loop over its events has them for itself. */
function shownWhenAwaited(run: LabRun<unknown>, terminal: Terminal): LabRun<unknown> {
  let read = false
  return new Proxy(run, {
    get: (_, name) => {
      if (name === 'then' && !read) {
        read = true
        void show(run, terminal)
      }
      if (name === Symbol.asyncIterator) read = true
      const value: unknown = Reflect.get(run, name, run)
      return typeof value === 'function' ? value.bind(run) : value
    },
  })
}

async function show(run: LabRun<unknown>, terminal: Terminal): Promise<void> {
  const status = new RunStatus(terminal)
  try {
    for await (const event of run) status.show(event)
  } catch {
    // Whoever awaits the run is told.
  }
}
