import { readFile } from 'node:fs/promises'
import { execa } from 'execa'
import { WorkerError } from '../errors/index.ts'

const keptLines = 30

/** Makes a virtual environment with its own pip. Throws WorkerError (`environment-create-failed`). */
export async function makeVirtualEnvironment(
  python: string,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lines = await runLines([python, '-m', 'venv', folder], () => undefined, signal)
  if (lines === null) return
  const remedy = /ensurepip|python3-venv/.test(lines.join('\n'))
    ? 'Install the venv module of this Python (on Debian and Ubuntu: apt install python3-venv).'
    : remedyFor(lines)
  throw failure('environment-create-failed', 'The Python environment could not be made.', remedy, lines)
}

export interface InstallOptions {
  /** Interpreter of the environment. */
  readonly python: string
  /** Requirement files. */
  readonly files: readonly string[]
  readonly report: (text: string, done: number, total: number) => void
  readonly signal: AbortSignal | undefined
}

/** Installs requirement files and checks that they agree. Throws WorkerError (`environment-install-failed`). */
export async function installPackages({ python, files, report, signal }: InstallOptions): Promise<void> {
  const total = await countPackages(files)
  const met = new Set<string>()
  const onLine = (line: string): void => {
    const [, name] = /^\s*(?:Collecting|Processing|Requirement already satisfied:) (\S+)/.exec(line) ?? []
    if (name !== undefined) met.add(name)
    report(line.trim(), Math.min(met.size, total), total)
  }
  const pip = [python, '-m', 'pip', '--disable-pip-version-check', '--no-input']
  const install = [...pip, 'install', '--progress-bar', 'off', ...files.flatMap((file) => ['-r', file])]
  const failed = (await runLines(install, onLine, signal)) ?? (await runLines([...pip, 'check'], onLine, signal))
  if (failed === null) return
  throw failure('environment-install-failed', 'The Python packages could not be installed.', remedyFor(failed), failed)
}

async function countPackages(files: readonly string[]): Promise<number> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')))
  return texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '' && !line.startsWith('#')).length
}

/** Runs a command and gives its last lines when it fails, null when it succeeds. */
async function runLines(
  [command, ...rest]: readonly [string, ...string[]] | string[],
  onLine: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<string[] | null> {
  signal?.throwIfAborted()
  const child = execa(command as string, rest, {
    all: true,
    buffer: false,
    reject: false,
    stdin: 'ignore',
    // Settings of the user's own environments must not leak into this one.
    env: {
      PYTHONPATH: undefined,
      PYTHONHOME: undefined,
      PIP_REQUIRE_VIRTUALENV: undefined,
      PIP_TARGET: undefined,
      PIP_USER: undefined,
    },
    ...(signal === undefined ? {} : { cancelSignal: signal }),
  })
  const last: string[] = []
  for await (const line of child.iterable({ from: 'all' })) {
    last.push(line)
    if (last.length > keptLines) last.shift()
    onLine(line)
  }
  const { exitCode, shortMessage } = (await child) as { exitCode?: number; shortMessage?: string }
  signal?.throwIfAborted()
  if (exitCode === 0) return null
  return last.length > 0 ? last : [shortMessage ?? 'It said nothing.']
}

function remedyFor(lines: readonly string[]): string {
  const text = lines.join('\n')
  if (/No space left|Errno 28/i.test(text)) {
    return 'The disk is full: the packages take about 2 GB (10 GB with CUDA). Free some space, or name another place for caches in PHALANX_CACHE.'
  }
  if (/Could not find a version|No matching distribution/i.test(text)) {
    return 'The package index that pip uses lacks a version that is needed, or cannot be reached. Check the network and PIP_INDEX_URL, or name an interpreter that has the packages in PHALANX_PYTHON.'
  }
  if (/Connection|timed out|Temporary failure|ProxyError|SSLError|NewConnectionError/i.test(text)) {
    return 'The package index cannot be reached. Check the network, the proxy and PIP_INDEX_URL, then try again.'
  }
  return 'Read the lines below, or name an interpreter that has the packages of requirements.txt in PHALANX_PYTHON.'
}

function failure(code: string, what: string, remedy: string, lines: readonly string[]): WorkerError {
  return new WorkerError({ code, message: `${what} ${remedy}\n${lines.slice(-10).join('\n')}`, facts: { lines } })
}
