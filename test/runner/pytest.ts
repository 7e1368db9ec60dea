import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
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
      env: { PHALANX_PYTHON: python },
    })
    return withExitCode(readJunit(await readFile(file, 'utf8').catch(() => '')), exitCode)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
