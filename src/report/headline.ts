import type { MetricRecord, MetricRow, StudyRecord } from '../artefact/study-record.ts'
import { formatProbability, listWords, metricFormat, numberWord, sentenceStart } from './format.ts'

/** What was asked and what was found, a sentence each. */
export interface Headline {
  readonly asked: string
  readonly found: string
}

/** Adjusted p-value below which a difference is called one. */
export const significance = 0.05

/** Two sentences built from the numbers of the study's first metric. */
export function writeHeadline(study: StudyRecord): Headline {
  const metric = study.metrics[0]
  const challengers = study.arms.filter((arm) => !arm.baseline).map((arm) => arm.name)
  const subjects = challengers.length > 5 ? `any of ${challengers.length} arms` : listWords(challengers, 'or')
  const bases = listWords(study.bases.map((base) => base.name))
  const extent = `${counted(metric?.prompts.length ?? study.prompts.length, 'prompt')} × ${counted(study.seeds.length, 'seed')}`
  if (metric === undefined) {
    return {
      asked: `What do ${extent} look like with ${listWords(study.arms.map((arm) => arm.name))} on ${bases}?`,
      found: 'Nothing was measured; the pictures below speak for themselves.',
    }
  }
  const verb = metric.better === 'higher' ? 'raise' : 'lower'
  return {
    asked: challengers.length
      ? `Does ${subjects} ${verb} the ${metric.label} over plain ${bases}, on ${extent}?`
      : `What is the ${metric.label} of ${bases}, on ${extent}?`,
    found: describeFinding(metric, study),
  }
}

/** True when the corrected test and the interval agree that there is a difference. */
export function isClear({ difference: change }: Pick<MetricRow, 'difference'>): boolean {
  return change !== null && change.adjustedP < significance && (change.low > 0 || change.high < 0)
}

function describeFinding(metric: MetricRecord, study: StudyRecord): string {
  const compared = metric.rows.filter((row) => row.difference !== null && row.estimate !== null)
  if (compared.length === 0) return describeAlone(metric)
  const clear = compared.filter(isClear).sort((a, b) => gain(metric, b) - gain(metric, a))
  const unclear = compared.filter((row) => !isClear(row)).map((row) => row.arm)
  const rest =
    unclear.length === 0
      ? ''
      : `${clear.length ? '; for' : 'No difference was shown: for'} ${listWords(unclear)} the ${
          unclear.length === 1 ? 'change' : 'changes'
        } could be chance`
  if (clear.length > 0) return `${sentenceStart(clear.map((row) => phrase(metric, row, study)).join('; '))}${rest}.`
  const best = compared.reduce((a, b) => (gain(metric, b) > gain(metric, a) ? b : a))
  const everything = compared.every((row) => spansZero(row)) ? ' (every interval includes zero)' : ''
  return `${rest}${everything}; the best guess, ${best.arm}, ${phraseNumbers(metric, best, study)}.`
}

function describeAlone(metric: MetricRecord): string {
  const row = metric.rows.find((candidate) => candidate.estimate !== null)
  if (!row?.estimate) return `It could not be measured: ${metric.rows[0]?.reason ?? 'no images'}.`
  const { value, low, high } = row.estimate
  const show = metricFormat(metric).value
  return `It is ${show(value)} for ${row.arm} (95\u00a0% interval ${show(low)} to ${show(high)}); nothing could be compared with it.`
}

function phrase(metric: MetricRecord, row: MetricRow, study: StudyRecord): string {
  const change = row.difference?.value ?? 0
  return `${row.arm} ${change > 0 ? 'raised' : 'lowered'} it ${
    gain(metric, row) < 0 ? '– for the worse – ' : ''
  }${movement(metric, row, study)} (${numbers(metric, row)})`
}

function phraseNumbers(metric: MetricRecord, row: MetricRow, study: StudyRecord): string {
  return `moved it ${movement(metric, row, study)} (${numbers(metric, row)})`
}

function movement(metric: MetricRecord, row: MetricRow, study: StudyRecord): string {
  const arm = study.arms.find(({ name }) => name === row.arm)
  const baseline = arm?.comparedWith ?? study.arms.find((other) => other.baseline && other.base === arm?.base)?.name
  const from = metric.rows.find((other) => other.arm === baseline)?.estimate?.value
  const to = row.estimate?.value ?? 0
  const show = metricFormat(metric).value
  return from === undefined ? `to ${show(to)}` : `from ${show(from)} to ${show(to)}`
}

function numbers(metric: MetricRecord, row: MetricRow): string {
  if (row.difference === null) return 'not compared'
  const { value, low, high, adjustedP } = row.difference
  const show = metricFormat(metric).difference
  const unit = metric.unit === 'share' ? ' points' : ''
  const p = formatProbability(adjustedP)
  return `${show(value)}${unit}, 95\u00a0% interval ${show(low)} to ${show(high)}, p\u00a0${p.startsWith('<') ? p : `=\u00a0${p}`}`
}

/** Change in the wished direction. */
function gain(metric: MetricRecord, row: MetricRow): number {
  const change = row.difference?.value ?? 0
  return metric.better === 'higher' ? change : -change
}

function spansZero(row: MetricRow): boolean {
  return row.difference !== null && row.difference.low <= 0 && row.difference.high >= 0
}

function counted(count: number, noun: string): string {
  return `${numberWord(count)} ${noun}${count === 1 ? '' : 's'}`
}
