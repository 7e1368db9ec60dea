import type { DesignRecord, EffectRecord, MetricRecord, StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatProbability, listWords, metricFormat, numberWord, sentenceStart } from '../format.ts'
import { isClear } from '../headline.ts'

/** What each setting that arms vary changes on the average, a table for each design; nothing without one. */
export function renderEffects(metric: MetricRecord, study: StudyRecord): Html[] {
  const families = [...new Set(metric.effects.map(({ family }) => family))]
  return families.map((family) => {
    const effects = metric.effects.filter((effect) => effect.family === family)
    const design = study.designs.find(
      (candidate) => family === candidate.family || family.startsWith(`${candidate.family} on `),
    )
    const aliased = effects.some(({ aliases }) => aliases.length > 0)
    return html`<h4>What the settings of ${family} change</h4>
<div class="scroll" tabindex="0" role="region" aria-label="Effects of ${family} on ${metric.label}"><table class="effects">
<thead><tr><th scope="col">Setting</th><th scope="col">Values</th><th scope="col" class="number">Effect</th><th scope="col" class="number">p</th>${
      aliased && html`<th scope="col">Not told from</th>`
    }</tr></thead>
<tbody>${effects.map((effect) => renderEffect(effect, metric, aliased))}</tbody>
</table></div>
<p class="note">${design && describeDesign(design)} An effect is the average over all other settings of the design, within
each prompt and seed; that of two settings together is half of how much one changes what the other does. p-values are corrected for
the number of effects (Holm).</p>`
  })
}

function renderEffect(
  { axes, contrast, aliases, change, reason }: EffectRecord,
  metric: MetricRecord,
  aliased: boolean,
): Html {
  const write = metricFormat(metric).difference
  return html`<tr><th scope="row">${axes.join(' × ')}</th><td>${contrast}</td>
${
  change === null
    ? html`<td class="reason" colspan="2">not estimated: ${reason}</td>`
    : html`<td class="number">${isClear({ difference: change }) ? html`<b>${write(change.value)}</b>` : write(change.value)} <span class="range">${write(change.low)} to ${write(change.high)}</span></td>
<td class="number p"><abbr title="${change.test}; ${formatProbability(change.p)} before correction">${formatProbability(change.adjustedP)}</abbr></td>`
}
${aliased && html`<td>${aliases.map((names) => names.join(' × ')).join(', ')}</td>`}</tr>`
}

function describeDesign({ axes, runs, combinations, resolution }: DesignRecord): string {
  const settings = listWords(axes.map(({ name, values }) => `${name} (${values.join(', ')})`))
  if (resolution === null) return `All ${combinations} combinations of ${settings}.`
  return `${sentenceStart(numberWord(runs))} of ${combinations} combinations of ${settings}: a fraction of resolution ${resolution}, which takes interactions of three and more settings to be nothing.`
}
