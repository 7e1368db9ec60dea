import type { StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { numberWord, sentenceStart } from '../format.ts'

/** Cells that failed or had to be left out; nothing when all went well. */
export function renderFailures(study: StudyRecord): Html | null {
  if (study.failures.length === 0) return null
  const failed = study.failures.filter((failure) => failure.status === 'failed')
  const skipped = study.failures.filter((failure) => failure.status === 'skipped')
  const waiting = study.failures.filter((failure) => failure.status === 'left')
  const left = skipped.length === 0 ? '' : `, and ${numberWord(skipped.length)} that need their results were left out`
  return html`<section class="failures" aria-labelledby="failures">
<h2 id="failures">Not everything ran</h2>
<p>${sentenceStart(`${counted(failed.length)} failed${left}`)}. ${
    waiting[0] &&
    html`${sentenceStart(counted(waiting.length))} ${waiting.length === 1 ? 'was' : 'were'} not started: ${waiting[0].message} `
  }The rest of the page is made from what did run.</p>
<dl>${failed.map(
    (failure) =>
      html`<dt>${failure.label}</dt><dd><code>${failure.code}</code> <span class="message">${failure.message}</span></dd>`,
  )}</dl>
</section>`
}

function counted(cells: number): string {
  return `${numberWord(cells)} ${cells === 1 ? 'cell' : 'cells'}`
}
