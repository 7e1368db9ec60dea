import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { z } from 'zod'
import { addTallies, emptyTally, type Tally, withExitCode } from './tally.ts'

/** The part of Vitest's JSON report that is counted. */
const report = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.enum(['passed', 'failed']),
      assertionResults: z.array(
        z.object({ status: z.enum(['passed', 'failed', 'skipped', 'pending', 'todo', 'disabled']) }),
      ),
    }),
  ),
})

/** Runs the TypeScript tests. A file that cannot be loaded counts as one failure. */
export async function runVitest(python: string): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), 'phalanx-vitest-'))
  const file = join(folder, 'report.json')
  try {
    const { exitCode } = await execa(
      'npx',
      [
        'vitest',
        'run',
        '--config',
        'test/vitest.config.ts',
        '--reporter=default',
        '--reporter=json',
        `--outputFile.json=${file}`,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'], reject: false, env: { PHALANX_PYTHON: python } },
    )
    const text = await readFile(file, 'utf8').catch(() => '{"testResults":[]}')
    const tallies = report.parse(JSON.parse(text)).testResults.map(({ status, assertionResults }) => {
      const count = (...wanted: string[]): number =>
        assertionResults.filter((test) => wanted.includes(test.status)).length
      const failed = count('failed')
      return {
        passed: count('passed'),
        failed: status === 'failed' ? Math.max(1, failed) : failed,
        skipped: count('skipped', 'pending', 'todo', 'disabled'),
      }
    })
    return withExitCode(tallies.reduce(addTallies, emptyTally), exitCode)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
