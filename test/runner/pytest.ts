import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { openCheckout } from '../../src/kohya/checkout.ts'
import { checkoutPython } from '../../src/kohya/environment.ts'
import { emptyTally, type Tally, withExitCode } from './tally.ts'

/** Runs the worker's own tests; `-rs` prints what is skipped and why. */
export async function runPytest(python: string): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'phalanx-pytest-'))
  const file = join(folder, 'report.xml')
  try {
    const { exitCode } = await execa(python, ['-m', 'pytest', '-rs', `--junit-xml=${file}`], {
      cwd: 'python-worker',
      stdio: ['ignore', 'inherit', 'inherit'],
      reject: false,
      env: { PHALANX_PYTHON: python, ...(await kohyaEnvironment()) },
    })
    return withExitCode(readJunit(await readFile(file, 'utf8').catch(() => '')), exitCode)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** An interpreter for the checkout of sd-scripts that is named, if one is. */
async function kohyaEnvironment(): Promise<Record<string, string>> {
  if (!process.env.KOHYA_HOME) return {}
  const engine = { type: 'kohya' } as const
  const call = { onProgress: () => undefined, signal: undefined }
  return { KOHYA_PYTHON: await checkoutPython(await openCheckout(engine), engine, call) }
}

/** Counts of the first `<testsuite>` of a JUnit report: `tests` includes the failed and the skipped ones. */
function readJunit(text: string): Tally {
  const suite = /<testsuite [^>]*>/.exec(text)?.[0]
  if (suite === undefined) return emptyTally
  const count = (name: string): number => Number(new RegExp(` ${name}="(\\d+)"`).exec(suite)?.[1] ?? 0)
  const failed = count('failures') + count('errors')
  const skipped = count('skipped')
  return { passed: count('tests') - failed - skipped, failed, skipped }
}
