import { type Html, html } from '../../page/html.ts'
import { formatCount, numberWord } from '../format.ts'
import type { ReportModel } from '../model.ts'

/** Title, the two sentences, and the extent of the study in one line. */
export function renderOpening({ study, headline }: ReportModel): Html {
  const extent = [
    `${numberWord(study.arms.length)} arms`,
    `${numberWord(study.prompts.length)} prompts`,
    `${numberWord(study.seeds.length)} seeds`,
    `${formatCount(study.images.length)} images`,
  ].join(' · ')
  return html`<header>
<p class="kicker">${study.name.replaceAll(/[-_]/g, ' ')}</p>
<h1>${headline.asked}</h1>
<p class="found">${headline.found}</p>
<p class="extent">${extent}${study.finished ? '' : ' · unfinished: this is what there is so far'}</p>
</header>`
}
