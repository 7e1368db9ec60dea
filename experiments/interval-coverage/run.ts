import { parseArgs } from 'node:util'
import { coverageCases, coverageOf } from './cases.ts'

/** How often intervals that claim 95 % hold the true value, for each method and case: prints the table of README.md. */
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '3000' } } })
const rounds = Number(values.rounds)
if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error('--rounds takes a whole number from 1')

console.log('| case | coverage of 95 % | standard error |\n|---|---|---|')
for (const example of Object.values(coverageCases()).flat()) {
  const share = coverageOf(example, rounds)
  const error = Math.sqrt((share * (1 - share)) / rounds)
  console.log(`| ${example.name} | ${(100 * share).toFixed(1)} % | ${(100 * error).toFixed(1)} |`)
}
