import type { ArmRecord, StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatCount, formatRuns } from '../format.ts'

/** Everything a repeat needs: settings of every arm, data, seeds, versions and hashes. */
export function renderRecipe(study: StudyRecord): Html {
  return html`<section class="recipe" aria-labelledby="recipe">
<h2 id="recipe">The exact recipe</h2>
<dl>
${study.bases.map(
  (base) =>
    html`<dt>base</dt><dd>${base.name}, family ${base.family}, ${base.imageSize} × ${base.imageSize} pixels, ${formatCount(base.parameters)} parameters ${hash(base.sha256)}</dd>`,
)}
${study.datasets.map(
  (dataset) =>
    html`<dt>dataset</dt><dd>${dataset.name}, ${formatCount(dataset.images)} images ${hash(dataset.sha256)}</dd>`,
)}
${study.classifier && html`<dt>classifier</dt><dd>${study.classifier.name} ${hash(study.classifier.sha256)}</dd>`}
<dt>prompts</dt><dd><ol>${study.prompts.map((prompt) => html`<li>${prompt}</li>`)}</ol></dd>
<dt>seeds</dt><dd>${formatRuns(study.seeds)}</dd>
<dt>sampling</dt><dd>${settingsText(study.sampling)}</dd>
<dt>plan</dt><dd>${hash(study.plan)}</dd>
${Object.entries(study.environment).map(
  ([name, value]) => html`<dt>${name}</dt><dd>${/^[0-9a-f]{64}$/.test(value) ? hash(value) : value}</dd>`,
)}
</dl>
<h3>Arms</h3>
${study.arms.map((arm) => renderArm(arm, study))}
</section>`
}

function renderArm(arm: ArmRecord, study: StudyRecord): Html {
  const training = study.trainings.find((candidate) => candidate.arms.includes(arm.name))
  const reworded = arm.prompts.filter((prompt, i) => prompt !== study.prompts[i])
  return html`<details><summary><b>${arm.name}</b> <span>${arm.summary}</span></summary>
<dl>
${study.bases.length > 1 && html`<dt>base</dt><dd>${arm.base}</dd>`}
${arm.negativePrompt !== '' && html`<dt>negative prompt</dt><dd>${arm.negativePrompt}</dd>`}
${reworded.length > 0 && html`<dt>prompts become</dt><dd><ul>${reworded.map((prompt) => html`<li>${prompt}</li>`)}</ul></dd>`}
${training && html`<dt>result</dt><dd>${training.kind}, final loss ${training.finalLoss.toFixed(4)} ${hash(training.sha256)}</dd>`}
${training && training.truncatedCaptions > 0 && html`<dt>captions cut</dt><dd>${training.truncatedCaptions}</dd>`}
<dt>settings</dt><dd><pre>${JSON.stringify(arm.settings, null, 2)}</pre></dd>
</dl></details>`
}

function hash(sha256: string): Html {
  return html`<code class="hash">${sha256}</code>`
}

function settingsText(settings: StudyRecord['sampling']): string {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) return JSON.stringify(settings)
  return Object.entries(settings)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' · ')
}
