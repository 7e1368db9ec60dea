import { mkdir } from 'node:fs/promises'
import { resolve as absolute, dirname, join } from 'node:path'
import { packageRoot } from '../../util/package-root.ts'
import { ensureEnvironment } from '../../worker/environment.ts'
import { startWorker } from '../../worker/index.ts'
import type { Command } from '../command.ts'
import { ended } from '../ended.ts'
import { exitCodes } from '../exit-codes.ts'
import { showProgress } from '../lab-options.ts'
import { optionText } from '../option-values.ts'

/** `phalanx worker`: keeps a warm worker for others to attach to. */
export const worker: Command = {
  name: 'worker',
  summary: 'start a warm worker that scripts and commands attach to; Ctrl-C ends it',
  positionals: [],
  options: {
    'endpoint-file': { value: '<file>', text: 'how others find it (./phalanx-lab/worker.json)' },
    device: { value: '<name>', text: 'torch device (cpu)' },
    listen: {
      value: '<address>',
      text: 'tcp://host:port to serve the network too, for who has the endpoint file (ipc)',
    },
  },
  example: 'phalanx worker & phalanx run study.ts --attach phalanx-lab/worker.json',
  run: async ({ options }, { terminal, signal }) => {
    const endpointFile = absolute(optionText(options, 'endpoint-file') ?? join('phalanx-lab', 'worker.json'))
    const [device, listen] = [optionText(options, 'device'), optionText(options, 'listen')]
    const { python } = await ensureEnvironment({ signal, onProgress: showProgress(terminal) })
    await mkdir(dirname(endpointFile), { recursive: true })
    await using started = await startWorker({
      python,
      packageFolder: join(packageRoot(), 'python-worker'),
      endpointFile,
      signal,
      settings: { ...(device !== undefined && { device }), ...(listen !== undefined && { listen }) },
    })
    const { pid, device: used } = started.identity
    terminal.result({ endpointFile, pid, device: used }, () => endpointFile)
    terminal.note(`A worker (process ${pid}) is ready on ${used}. Ctrl-C ends it.`)
    await ended(signal)
    return exitCodes.interrupted
  },
}
