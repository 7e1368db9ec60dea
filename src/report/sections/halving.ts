import type { HalvingRecord, StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatCount, formatRuns, listWords, metricFormat } from '../format.ts'

/** Which arms were chosen before the comparison, and by what; nothing when all were compared. */
export function renderHalving({ halving, metrics }: StudyRecord): Html | null {
  if (halving === null) return null
  const metric = metrics[halving.metric]
  const show = metric === undefined ? String : metricFormat(metric).value
  return html`<section aria-labelledby="chosen">
<h2 id="chosen">How arms were chosen</h2>
<p class="caption">Before the comparison, arms were trained for fewer steps and the best ${Math.round(halving.keep * 100)}${'\u00a0'}% of each round
went on${metric && html`, by ${metric.label} (${metric.better} is better)`}. Rounds drew seeds ${formatRuns(halving.seeds)}, which the comparison does not use.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="chosen"><table class="halving">
<thead><tr><th scope="col">Round</th><th scope="col">Went on</th><th scope="col">Left out</th></tr></thead>
<tbody>${halving.rounds.map(
    ({ steps, arms }, i) => html`<tr><th scope="row">${i + 1}: ${formatCount(steps)} steps</th>
<td>${listArms(arms, true, show)}</td><td>${listArms(arms, false, show)}</td></tr>`,
  )}</tbody>
</table></div>
</section>`
}

function listArms(
  arms: HalvingRecord['rounds'][number]['arms'],
  kept: boolean,
  show: (value: number) => string,
): string {
  const chosen = arms.filter((arm) => arm.kept === kept)
  return listWords(chosen.map(({ arm, value }) => `${arm} (${value === null ? 'not measured' : show(value)})`))
}
