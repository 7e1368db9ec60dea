import type { MetricRecord, MetricRow, StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatProbability, listWords, metricFormat, sentenceStart } from '../format.ts'
import { isClear } from '../headline.ts'
import { type Domain, differenceDomain, renderAxis, renderInterval, valueDomain } from '../interval-plot.ts'
import { renderEffects } from './effects.ts'

/** Each metric: a dot and a bar per arm, the paired difference to the baseline beside it. */
export function renderMetrics(study: StudyRecord): Html | null {
  if (study.metrics.length === 0) return null
  return html`<section aria-labelledby="measures">
<h2 id="measures">What was measured</h2>
<p class="caption">Dots are estimates, bars 95 % intervals. Differences are paired: the same prompt and seed with and
without the change. p-values are corrected for the number of arms (Holm). Filled dots of
differences are clear, hollow ones could be chance.</p>
${study.metrics.map((metric) => renderMetric(metric, study))}
</section>`
}

/** One metric. `counted` says what its rows are made of. */
export function renderMetric(metric: MetricRecord, study: StudyRecord, counted: 'images' | 'votes' = 'images'): Html {
  const scales = { value: valueDomain(metric), difference: differenceDomain(metric) }
  const compared = metric.rows.some((row) => row.difference !== null)
  const write = metricFormat(metric)
  const { trust } = metric
  return html`<div class="metric${isUntrusted(metric) ? ' untrusted' : ''}">
<h3>${sentenceStart(metric.label)} <small>${metric.better} is better${trust && html` · AUC ${trust.auc.toFixed(2)}`}</small></h3>
${trust && html`<p class="note">${trustSentence(trust)}</p>`}
<table class="intervals${compared ? '' : ' alone'}">
<colgroup><col class="arm"><col class="plot"><col class="value">${compared && html`<col class="plot"><col class="change"><col class="p">`}</colgroup>
<thead><tr><th scope="col"><span class="hidden">Arm</span></th><th scope="col" colspan="2">Value</th>${
    compared && html`<th scope="col" colspan="2">Difference to baseline</th><th scope="col" class="number">p</th>`
  }</tr></thead>
<tbody>${metric.rows.map((row) => renderRow(row, metric, study, scales, compared))}</tbody>
<tfoot aria-hidden="true"><tr><td></td><td class="plot">${renderAxis(scales.value, write.value)}</td><td></td>${
    compared && html`<td class="plot">${renderAxis(scales.difference, write.difference)}</td><td></td><td></td>`
  }</tr></tfoot>
</table>
<p class="note">${metric.description} ${promptsNote(metric, study, counted)} ${scopeSentence(metric)}</p>
${renderEffects(metric, study)}
${metric.validity && html`<details class="note"><summary>How far this can be trusted</summary><p>${metric.validity}</p></details>`}
</div>`
}

/** Whether its card says that it tells too little. */
function isUntrusted({ trust }: MetricRecord): boolean {
  return trust !== null && trust.auc < trust.threshold
}

function trustSentence({ kind, auc, low, high, threshold }: NonNullable<MetricRecord['trust']>): string {
  const tested = `When it was tested for ${kind}, its AUC was ${auc.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]; 0.5 is chance.`
  return auc < threshold ? `${tested} That is below ${threshold}: do not rank by it.` : tested
}

function renderRow(
  row: MetricRow,
  metric: MetricRecord,
  study: StudyRecord,
  scales: { value: Domain; difference: Domain },
  compared: boolean,
): Html {
  const { estimate, difference } = row
  const isBaseline = study.arms.some((arm) => arm.name === row.arm && arm.baseline)
  const { value, difference: change } = metricFormat(metric)
  if (estimate === null) {
    return html`<tr><th scope="row">${row.arm}</th><td class="reason" colspan="${compared ? 5 : 2}">not applicable:
${row.reason}</td></tr>`
  }
  return html`<tr class="${isBaseline ? 'baseline' : ''}"><th scope="row">${row.arm}</th>
<td class="plot">${renderInterval(scales.value, estimate, 'estimate')}</td>
<td class="number"><b>${value(estimate.value)}</b> <span class="range">${range(value(estimate.low), value(estimate.high))}</span></td>
${
  compared &&
  (difference === null
    ? html`<td class="plot"></td><td class="reason">${isBaseline ? 'baseline' : (row.reason ?? 'not compared')}</td><td></td>`
    : html`<td class="plot">${renderInterval(scales.difference, difference, isClear(row) ? 'clear' : 'unclear')}</td>
<td class="number"><b>${change(difference.value)}</b> <span class="range">${range(change(difference.low), change(difference.high))}</span></td>
<td class="number p"><abbr title="${difference.test}; ${formatProbability(difference.p)} before correction">${formatProbability(difference.adjustedP)}</abbr></td>`)
}</tr>`
}

function scopeSentence(metric: MetricRecord): string {
  return metric.scope === 'seeds'
    ? 'The prompts are few, so intervals speak for new seeds of these prompts, not for other prompts.'
    : 'Intervals speak for new prompts of this kind as well as new seeds.'
}

function promptsNote(metric: MetricRecord, study: StudyRecord, counted: string): string {
  const methods = [...new Set(metric.rows.flatMap((row) => [row.estimate?.method, row.difference?.method]))]
  const made = methods.filter((method) => method !== undefined)
  const most = Math.max(0, ...metric.rows.map((row) => row.count))
  const where =
    metric.prompts.length === study.prompts.length
      ? 'On all prompts'
      : `On ${listWords(metric.prompts.map((index) => `“${study.prompts[index]}”`))}`
  return `${where}, ${most} ${counted} an arm. Intervals: ${listWords(made)}.`
}

function range(low: string, high: string): string {
  return `${low.replace(/\s%$/, '')} to ${high}`
}
