import type { ArmRecord, StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatBytes, formatCount, formatSeconds } from '../format.ts'

const none = html`<span class="none">–</span>`

/** What each arm costs: training, sampling, memory, and the file one would share. */
export function renderCost(study: StudyRecord): Html {
  const device = study.environment.device
  return html`<section aria-labelledby="cost">
<h2 id="cost">What it cost</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="cost"><table class="cost">
<thead><tr><th scope="col"></th><th scope="col" class="number">training</th><th scope="col" class="number">steps</th>
<th scope="col" class="number">parameters</th><th scope="col" class="number">file</th>
<th scope="col" class="number">an image</th><th scope="col" class="number">peak memory</th></tr></thead>
<tbody>${study.arms.map((arm) => renderArm(arm, study))}</tbody>
</table></div>
<p class="note">Wall-clock times${device && ` on ${device}`}. Peak memory is the worker's largest resident size during
the arm's cells, loaded base included.</p>
</section>`
}

function renderArm(arm: ArmRecord, study: StudyRecord): Html {
  const training = study.trainings.find((candidate) => candidate.arms.includes(arm.name))
  const memory = Math.max(training?.peakMemoryBytes ?? 0, arm.sampling?.peakMemoryBytes ?? 0)
  const cells = [
    training ? formatSeconds(training.seconds) : none,
    training ? formatCount(training.steps) : none,
    training ? formatCount(training.trainedParameters) : none,
    training ? formatBytes(training.bytes) : none,
    arm.sampling ? formatSeconds(arm.sampling.seconds / Math.max(1, arm.sampling.images)) : none,
    memory > 0 ? formatBytes(memory) : none,
  ]
  return html`<tr><th scope="row">${arm.name}</th>${cells.map((cell) => html`<td class="number">${cell}</td>`)}</tr>`
}
