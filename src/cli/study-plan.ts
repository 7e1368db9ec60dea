import { formatBytes, formatCount, formatSeconds, listWords } from '../report/format.ts'
import type { Cell, MetricPower, PlannedStudy } from '../study/index.ts'

const kinds: readonly (readonly [Cell['kind'], string])[] = [
  ['train', 'trainings'],
  ['sample', 'sets of samples'],
  ['repair', 'sets of repairs'],
  ['score', 'sets of judgements'],
  ['embed', 'sets of features'],
]
/** Missing cells that are named one by one. */
const named = 40

/**
 * What a study will do, before it does: cells by kind, in all, finished earlier and to run; what does not apply; time and
 * disk expected; what it will be able to see.
 */
export function describePlan({ plan, cached, expected, power }: PlannedStudy): string {
  const { study, cells, arms } = plan
  const rows = [...kinds, [null, 'all cells'] as const].flatMap(([kind, name]) => {
    const of = cells.filter((cell) => kind === null || cell.kind === kind)
    const done = of.filter((cell) => cached.has(cell.key)).length
    return of.length === 0 ? [] : [[name, of.length, done, of.length - done].map(String)]
  })
  const images = cells.reduce((sum, cell) => sum + (cell.kind === 'sample' ? cell.input.seeds.length : 0), 0)
  return [
    `${study.name}: ${arms.length} arms × ${study.prompts.length} prompts × ${study.seeds.length} seeds, ${formatCount(images)} images`,
    ...[['', 'in all', 'cached', 'to run'], ...rows].map(
      ([name = '', ...counts]) => `  ${name.padEnd(20)}${counts.map((count) => count.padStart(8)).join('')}`,
    ),
    ...describeHalving(plan),
    ...describeInapplicable(plan),
    ...describeDesigns(plan),
    ...(cached.size === cells.length ? [] : [describeExpectation(expected), ...describeBudget(study.budget)]),
    ...power.map(describePower),
  ].join('\n')
}

/** The cells that would run, one a line. */
export function listMissing({ plan, cached }: PlannedStudy): string {
  const missing = plan.cells.filter(({ key }) => !cached.has(key))
  const lines = missing.slice(0, named).map(({ key, label }) => `  ${key}  ${label}`)
  const rest = missing.length - lines.length
  return [...lines, ...(rest > 0 ? [`  and ${formatCount(rest)} more; --json lists all`] : [])].join('\n')
}

function describeHalving({ study: { halving }, arms }: PlannedStudy['plan']): string[] {
  if (halving === null) return []
  const trained = arms.filter((arm) => arm.training !== null).length
  const rounds = halving.steps.map(
    (steps, i) => `${Math.ceil(trained * halving.keep ** i)} arms for ${formatCount(steps)} steps`,
  )
  const last = Math.ceil(trained * halving.keep ** halving.steps.length)
  return [
    `  halving comes first: ${listWords(rounds)}, on seeds of their own; about ${last} of the ${trained} arms that train go on,`,
    '  so that of the cells above only a part will run',
  ]
}

function describeInapplicable({ arms }: PlannedStudy['plan']): string[] {
  const count = arms.reduce((sum, arm) => sum + arm.notApplicable.filter((reason) => reason !== null).length, 0)
  return count === 0 ? [] : [`  ${formatCount(count)} sets of samples are not applicable and not run`]
}

function describeDesigns({ designs }: PlannedStudy['plan']): string[] {
  return [...designs].flatMap(([family, { runs, combinations, resolution, effects }]) => {
    if (resolution === null) return []
    const aliased = effects.flatMap(({ axes, aliases }) =>
      aliases.length === 0
        ? []
        : [
            `${axes.join(' × ')} from ${listWords(
              aliases.map((names) => names.join(' × ')),
              'or',
            )}`,
          ],
    )
    return [
      `  ${family}: ${runs.length} of ${combinations} combinations, resolution ${resolution}${aliased.length === 0 ? '' : '; it cannot tell'}`,
      ...aliased.map((text) => `    ${text}`),
    ]
  })
}

function describeExpectation({ seconds, bytes }: PlannedStudy['expected']): string {
  if (seconds === null || bytes === null) return '  time and disk: known when this lab has finished a cell of each kind'
  return `  expected: about ${formatSeconds(seconds)} of one worker and ${formatBytes(bytes)} on disk`
}

function describeBudget({ cells, seconds, bytes }: PlannedStudy['plan']['study']['budget']): string[] {
  const parts = [
    ...(cells === null ? [] : [`${formatCount(cells)} cells`]),
    ...(seconds === null ? [] : [formatSeconds(seconds)]),
    ...(bytes === null ? [] : [`${formatBytes(bytes)} on disk`]),
  ]
  return parts.length === 0 ? [] : [`  this run stops after ${listWords(parts, 'or')}`]
}

function describePower({ metric, pairs, paired, comparisons, smallest, unit }: MetricPower): string {
  const corrected = comparisons === 1 ? '' : `, corrected for ${comparisons} comparisons`
  const count = `${formatCount(pairs)} pairs${paired === 'prompts' ? ' of prompts' : ''}`
  if (unit === null) return `  ${metric}: what ${count} will show is not known beforehand`
  if (smallest === null) return `  ${metric}: ${count} are too few to see even the largest difference${corrected}`
  const size = unit === 'share' ? smallest.toFixed(2) : `${smallest.toFixed(2)} standard deviations of the pairs`
  return `  ${metric}: with ${count} you will see a difference of ${size} or more, four times of five${corrected}`
}
