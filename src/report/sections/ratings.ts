import type { RaterRecord, RatingRecord } from '../../artefact/rating-record.ts'
import type { StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { numberWord, sentenceStart } from '../format.ts'
import { renderMetric } from './metrics.ts'

/** What people said who did not know the arms, how far they agree with each other, and what was measured with them. */
export function renderRatings(ratings: readonly RatingRecord[], study: StudyRecord): Html | null {
  if (ratings.length === 0) return null
  return html`<section aria-labelledby="ratings">
<h2 id="ratings">What people said</h2>
<p class="caption">Where a measure and people disagree, people are right.</p>
${ratings.map((rating) => renderRating(rating, study))}
</section>`
}

function renderRating(rating: RatingRecord, study: StudyRecord): Html {
  const { metric, raters, measures, comparisons, agreement, agreementReason } = rating
  const pairs = rating.mode === 'pairs'
  const counted = raters.filter((rater) => rater.counted)
  return html`${renderMetric(metric, study, pairs ? 'votes' : 'images')}
<p class="note">${sentenceStart(numberWord(counted.length))} ${counted.length === 1 ? 'rater' : 'raters'} counted, ${
    counted.length === raters.length
      ? 'nobody was left out'
      : `${numberWord(raters.length - counted.length)} left out for missing broken images`
  }; ${rating.items} ${pairs ? 'pairs' : 'images'} were chosen${
    rating.identicalPairs > 0 && `, ${rating.identicalPairs} pairs of one and the same picture were not shown`
  }.${rating.plan !== study.plan && ' The study has another plan since; what became of images that were rated then is not asked again.'} Agreement of
raters (Krippendorff’s alpha): ${agreement ? withRange(agreement) : `not known, ${agreementReason}`}.</p>
<table class="ratings"><caption>Sides with people, 0.5 is chance</caption><tbody>${measures.map(
    ({ label, estimate, reason }) =>
      html`<tr><th scope="row">${label}</th><td>${estimate ? withRange(estimate) : html`<span class="reason">not known: ${reason}</span>`}</td></tr>`,
  )}</tbody></table>
${comparisons.length > 0 && renderComparisons(rating)}
<details class="note"><summary>Each rater</summary><table class="ratings"><thead><tr><th scope="col">rater</th><th scope="col">votes</th>${pairs && html`<th scope="col">broken images seen</th>`}<th scope="col">repeats the same</th><th scope="col">under 0.3 s</th><th scope="col">median</th>${pairs && html`<th scope="col">left chosen</th>`}</tr></thead><tbody>${raters.map((rater) => renderRater(rater, pairs))}</tbody></table></details>`
}

function renderComparisons({ comparisons }: RatingRecord): Html {
  return html`<details class="note"><summary>Arm against arm</summary><table class="ratings"><thead><tr><th scope="col">first</th><th scope="col">second</th><th scope="col">first chosen</th><th scope="col">second chosen</th><th scope="col">equal</th><th scope="col">both bad</th></tr></thead><tbody>${comparisons.map(
    ({ first, second, firstChosen, secondChosen, ties, bothBad }) =>
      html`<tr><th scope="row">${first}</th><td>${second}</td><td>${firstChosen}</td><td>${secondChosen}</td><td>${ties}</td><td>${bothBad}</td></tr>`,
  )}</tbody></table></details>`
}

function renderRater(judged: RaterRecord, pairs: boolean): Html {
  const { rater, votes, counted, catches, repeats, hasty, medianSeconds, left } = judged
  return html`<tr><th scope="row">${rater}${!counted && ', not counted'}</th><td>${votes}</td>${pairs && html`<td>${catches.right} of ${catches.shown}</td>`}<td>${repeats.same} of ${repeats.shown}</td><td>${hasty}</td><td>${medianSeconds.toFixed(1)} s</td>${pairs && html`<td>${left ? withRange(left) : 'never decided'}</td>`}</tr>`
}

function withRange({
  value,
  low,
  high,
}: {
  readonly value: number
  readonly low: number
  readonly high: number
}): string {
  const [middle, from, to] = [value, low, high].map((number) => number.toFixed(2).replace('-', '\u2212'))
  return `${middle} (${from} to ${to})`
}
