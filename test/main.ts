import { runChecks } from './runner/checks.ts'
import { runPytest } from './runner/pytest.ts'
import { preparePython } from './runner/python.ts'
import { addTallies, describeTally, emptyTally, type Tally } from './runner/tally.ts'
import { runVitest } from './runner/vitest.ts'

const mode = process.argv[2] ?? 'all'
if (!['all', 'check', 'fix'].includes(mode)) {
  console.error(`There is no "${mode}" here: give nothing (checks and tests), check or fix.`)
  process.exit(2)
}

const python = await preparePython()
let total: Tally = emptyTally
if (mode === 'fix') {
  total = addTallies(total, await runChecks(python, 'fix'))
} else {
  total = addTallies(total, await runChecks(python, 'check'))
  if (mode === 'all') {
    total = addTallies(total, await runVitest(python))
    total = addTallies(total, await runPytest(python))
  }
}
if (mode === 'all') console.log(`\n${describeTally(total)}`)
process.exitCode = total.failed > 0 ? 1 : 0
