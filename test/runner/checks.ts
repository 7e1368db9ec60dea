import { execa } from 'execa'
import { emptyTally, type Tally } from './tally.ts'

const pythonFolders = ['python-worker', 'test', 'experiments']
const ruffConfig = ['--config', 'python-worker/pyproject.toml']

/** Formatters, linters and type checkers of both languages, the ones that can mend in their mending form. */
const checks = {
  check: (python: string) => [
    ['biome', 'npx', 'biome', 'check', '.'],
    ['tsc', 'npx', 'tsc'],
    ['ruff check', python, '-m', 'ruff', 'check', '--quiet', ...ruffConfig, ...pythonFolders],
    ['ruff format', python, '-m', 'ruff', 'format', '--quiet', '--check', ...ruffConfig, ...pythonFolders],
    ['mypy', python, '-m', 'mypy', '--no-error-summary', '--config-file', 'pyproject.toml'],
  ],
  fix: (python: string) => [
    ['biome', 'npx', 'biome', 'check', '--write', '.'],
    ['ruff check', python, '-m', 'ruff', 'check', '--quiet', '--fix', ...ruffConfig, ...pythonFolders],
    ['ruff format', python, '-m', 'ruff', 'format', '--quiet', ...ruffConfig, ...pythonFolders],
  ],
}

/** Runs every check, also after one has failed. Each failed check counts as a failure; passed ones are no tests. */
export async function runChecks(python: string, mode: keyof typeof checks): Promise<Tally> {
  let failed = 0
  for (const [name, command, ...rest] of checks[mode](python) as [string, string, ...string[]][]) {
    const cwd = name === 'mypy' ? 'python-worker' : '.'
    const { exitCode, all } = await execa(command, rest, { all: true, reject: false, stdin: 'ignore', cwd })
    console.log(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name}`)
    if (exitCode === 0) continue
    failed++
    console.log(all)
  }
  return { ...emptyTally, failed }
}
