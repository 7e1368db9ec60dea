import { execa } from 'execa'
import { WorkerError } from '../errors/index.ts'

/** A Python interpreter. */
export interface Interpreter {
  /** Absolute path of its executable. */
  readonly executable: string
  /** For example `3.12.4`. */
  readonly version: string
  /** What wheels are made for: platform and machine. */
  readonly platform: string
}

/** Minor versions of Python 3 for which the pinned packages exist, the preferred one first. */
const supportedMinors = [12, 13, 11]
const supportedText = 'Python 3.11, 3.12 or 3.13'

/** Modules that a worker imports. */
const workerModules = [
  'torch',
  'diffusers',
  'transformers',
  'safetensors',
  'tokenizers',
  'PIL',
  'zmq',
  'msgspec',
  'numpy',
]
const testModules = ['peft', 'pytest', 'pytest_timeout', 'hypothesis', 'scipy', 'sklearn', 'mypy', 'ruff']

/**
 * Finds an interpreter to make an environment with.
 * Throws WorkerError (`python-not-found`) that lists what was found instead.
 *
 * @param candidates commands to try in this order
 */
export async function findPython(candidates: readonly string[] = defaultCandidates()): Promise<Interpreter> {
  const found: string[] = []
  for (const command of candidates) {
    const interpreter = await probe(command)
    if (interpreter === null) continue
    if (isSupported(interpreter.version)) return interpreter
    found.push(`${command} is ${interpreter.version}`)
  }
  throw new WorkerError({
    code: 'python-not-found',
    message: `No ${supportedText} was found${found.length > 0 ? ` (${found.join(', ')})` : ''}. Install one, or name an interpreter that has the packages of requirements.txt in PHALANX_PYTHON.`,
    facts: { candidates, found },
  })
}

/**
 * Checks an interpreter that a user named and that is used as it is.
 * Throws WorkerError (`python-not-found`, `python-unsupported`, `python-packages-missing`).
 */
export async function checkNamedPython(python: string, test: boolean): Promise<void> {
  const interpreter = await probe(python)
  if (interpreter === null) {
    throw new WorkerError({
      code: 'python-not-found',
      message: `${python} is not a Python interpreter that can be run. Correct the path, or leave it out to have an environment made.`,
      facts: { python },
    })
  }
  if (!isSupported(interpreter.version)) {
    throw new WorkerError({
      code: 'python-unsupported',
      message: `${python} is Python ${interpreter.version}; the worker needs ${supportedText}. Name another one, or leave it out to have an environment made.`,
      facts: { python, version: interpreter.version },
    })
  }
  const missing = await missingModules(python, test ? [...workerModules, ...testModules] : workerModules)
  if (missing.length > 0) {
    throw new WorkerError({
      code: 'python-packages-missing',
      message: `${python} lacks ${missing.join(', ')}. Run \`${python} -m pip install -r requirements.txt${test ? ' -r python-worker/requirements-test.txt' : ''}\`, or leave the interpreter out to have an environment made.`,
      facts: { python, missing },
    })
  }
}

function defaultCandidates(): string[] {
  const named = supportedMinors.map((minor) => `python3.${minor}`)
  return process.platform === 'win32' ? ['python', 'python3', ...named] : [...named, 'python3', 'python']
}

function isSupported(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  return major === 3 && supportedMinors.includes(minor ?? 0)
}

const probeScript = `
import json, platform, sys, sysconfig
print(json.dumps({"executable": sys.executable, "version": platform.python_version(), "platform": sysconfig.get_platform()}))
`

async function probe(command: string): Promise<Interpreter | null> {
  const result = await execa(command, ['-I', '-c', probeScript], { reject: false, stdin: 'ignore', timeout: 30_000 })
  if (result.exitCode !== 0) return null
  try {
    return JSON.parse(result.stdout) as Interpreter
  } catch {
    return null
  }
}

const missingScript = `
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]))
`

async function missingModules(python: string, modules: readonly string[]): Promise<string[]> {
  const { stdout } = await execa(python, ['-c', missingScript, ...modules], { stdin: 'ignore' })
  return JSON.parse(stdout) as string[]
}
