import { join } from 'node:path'
import { execa } from 'execa'
import { z } from 'zod'
import { LabError } from '../../errors/index.ts'
import { packageRoot } from '../../util/package-root.ts'
import { findEnvironment } from '../../worker/environment.ts'
import { startWorker } from '../../worker/index.ts'
import { findPython } from '../../worker/python.ts'
import { type Check, missing, ok, problem } from './check.ts'

/** The interpreter, its environment, torch, its devices, and a worker that starts and answers. */
export async function checkPython(signal: AbortSignal): Promise<Check[]> {
  try {
    const environment = await findEnvironment()
    if (environment === null) {
      const { executable, version } = await findPython()
      return [
        ok('python', `${version}, ${executable}`),
        missing('environment', 'not made yet', 'It is made when a lab is first opened, which takes some minutes.'),
      ]
    }
    const { python, requirementsSha256 } = environment
    const found = requirementsSha256 === null ? `${python} (named in PHALANX_PYTHON)` : python
    return [ok('environment', found), ...(await checkTorch(python)), ...(await checkWorker(python, signal))]
  } catch (error) {
    return [failed('python', error, 'Install Python 3.11 to 3.13, or name an interpreter in PHALANX_PYTHON.')]
  }
}

const torchFacts = z.object({ version: z.string(), threads: z.int(), devices: z.array(z.string()) })
const torchScript = `
import json, torch
devices = ["cpu"]
if torch.cuda.is_available():
    devices += [f"cuda:{i} ({torch.cuda.get_device_name(i)})" for i in range(torch.cuda.device_count())]
if torch.backends.mps.is_available():
    devices.append("mps")
print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads(), "devices": devices}))
`

async function checkTorch(python: string): Promise<Check[]> {
  try {
    const { stdout } = await execa(python, ['-c', torchScript], { stdin: 'ignore' })
    const { version, threads, devices } = torchFacts.parse(JSON.parse(stdout))
    return [ok('torch', `${version}, ${threads} threads`), ok('device', devices.join(', '))]
  } catch (error) {
    return [failed('torch', error, `Install the requirements again, or name another interpreter in PHALANX_PYTHON.`)]
  }
}

async function checkWorker(python: string, signal: AbortSignal): Promise<Check[]> {
  try {
    const packageFolder = join(packageRoot(), 'python-worker')
    await using worker = await startWorker({ python, packageFolder, signal })
    await worker.ping()
    const versions = Object.entries(worker.identity.versions).map(([name, version]) => `${name} ${version}`)
    return [ok('worker', `starts and answers on ${worker.identity.device}`), ok('versions', versions.join(', '))]
  } catch (error) {
    return [failed('worker', error, 'See the message above for what to do.')]
  }
}

function failed(name: string, error: unknown, remedy: string): Check {
  const message = error instanceof Error ? error.message : String(error)
  // Our own messages say what to do themselves.
  return problem(name, message, LabError.isInstance(error) ? message : remedy)
}
