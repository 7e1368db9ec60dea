import { execFileSync } from 'node:child_process'

/** Interpreter that has the packages of `python-worker/requirements-test.txt` that are compared with, or null. */
export const python = findPython()

/** Runs a Python snippet that reads `data` (JSON) and prints one JSON value. */
export function inPython<Result>(snippet: string, data: unknown): Result {
  if (python === null) throw new Error('no Python to compare with')
  const program = `import json, sys\ndata = json.load(sys.stdin)\n${snippet}`
  return JSON.parse(execFileSync(python, ['-c', program], { input: JSON.stringify(data), encoding: 'utf8' })) as Result
}

function findPython(): string | null {
  for (const candidate of [process.env.PHALANX_PYTHON, 'python3', 'python']) {
    if (!candidate) continue
    try {
      execFileSync(candidate, ['-c', 'import choix, krippendorff, numpy, scipy, sklearn, statsmodels'], {
        stdio: 'ignore',
      })
      return candidate
    } catch {}
  }
  console.warn('skipped: comparisons with scipy and others (set PHALANX_PYTHON to an interpreter that has them)')
  return null
}
