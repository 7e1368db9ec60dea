import { pageDocument } from '../page/document.ts'
import { type Html, html } from '../page/html.ts'
import { pageTheme } from '../page/theme.ts'
import type { Attempt, Decision, DetailPictures, DetailRecord, PictureRecord, RepairCounts } from './record.ts'

/** A picture with the files that the page shows of it, relative to the page. */
export interface ShownPicture {
  readonly file: string
  readonly record: PictureRecord
  readonly parts: readonly (Readonly<Record<keyof DetailPictures, string>> | null)[]
}

const words: Readonly<Record<Decision, string>> = {
  good: 'nothing wrong: left alone',
  repaired: 'repaired',
  reverted: 'every try was no better: left as it was',
  unjudged: 'the judge said nothing: left alone',
  'no-template': 'nothing to draw it after: left alone',
  'over-limit': 'beyond the limit of details: left alone',
  failed: 'failed: left as it was',
}
const policy = "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'"

/** The page of repairs (`details` is what was looked for, as in "hands"): each detail that was tried before, as its template, and after, and what became of all others. */
export function repairPage(pictures: readonly ShownPicture[], counts: RepairCounts, details: string): string {
  const tried = pictures.filter(({ parts }) => parts.some((part) => part !== null))
  const others = pictures.filter((picture) => !tried.includes(picture))
  const body = html`<main>
<p class="kicker">Repair</p>
<h1>${headline(counts, details)}</h1>
<p class="soft">${summary(counts)}</p>
${tried.map(pictureSection)}
${others.length > 0 && html`<section><h2>Left alone</h2><div class="sheet">${others.map(leftAlone)}</div></section>`}
</main>`
  return pageDocument({ title: 'Repair · Phalanx', style: pageTheme + style, policy }, body)
}

function headline({ details, repaired, pictures }: RepairCounts, name: string): string {
  return `${repaired} of ${details} ${name} repaired in ${plural(pictures, 'picture')}`
}

function summary(counts: RepairCounts): string {
  const { good, reverted, unjudged, failed, troubled } = counts
  const [templates, limit] = [counts['no-template'], counts['over-limit']]
  const parts = [
    `${good} were good and left alone`,
    reverted > 0 && `${reverted} got no better and were reverted`,
    unjudged > 0 && `${unjudged} could not be judged`,
    templates > 0 && `${templates} had no template`,
    limit > 0 && `${limit} were beyond the limit`,
    failed > 0 && `${failed} failed`,
    troubled > 0 && `${plural(troubled, 'picture')} could not be gone through`,
  ]
  return `${parts.filter((part) => part !== false).join(', ')}.`
}

function pictureSection({ file, record, parts }: ShownPicture): Html {
  return html`<section>
<h2>${record.name}</h2>
<p class="soft">“${record.prompt}” · ${record.seconds.toFixed(1)} s · ${record.changedPixels} pixels changed</p>
<div class="whole"><img src="${address(file)}" alt="${record.name} after repair" loading="lazy"></div>
${record.details.map((detail, i) => detailRow(detail, parts[i] ?? null))}
</section>
`
}

function detailRow(detail: DetailRecord, part: ShownPicture['parts'][number]): Html {
  return html`<div class="detail ${detail.decision}">
${
  part !== null &&
  html`<div class="steps">
${step('before', part.before, detail.before?.seen ?? '')}
${step('template', part.template, detail.best?.hypothesis ?? '')}
${step(detail.decision === 'repaired' ? 'after' : 'best try', part.after, detail.best?.verdict?.seen ?? '')}
</div>`
}
<p><b>${words[detail.decision]}</b>${detail.failure !== null && `: ${detail.failure}`}. ${change(detail)}</p>
${detail.attempts.length > 0 && attempts(detail.attempts, detail.best)}
</div>
`
}

function step(name: string, file: string, seen: string): Html {
  return html`<figure><img src="${address(file)}" alt="${name}" loading="lazy"><figcaption><i>${name}</i><br>${seen}</figcaption></figure>`
}

function change({ before, best }: DetailRecord): string {
  if (before === null) return ''
  const after = best?.verdict ? ` → ${percent(best.verdict.badness)}` : ''
  return `Wrong with probability ${percent(before.badness)}${after}.`
}

function attempts(all: readonly Attempt[], best: Attempt | null): Html {
  return html`<details><summary>${plural(all.length, 'try', 'tries')}</summary>
<table><thead><tr><th>template</th><th>strength</th><th>seed</th><th>wrong</th><th>seen</th></tr></thead><tbody>
${all.map(
  (one) =>
    html`<tr${one === best && html` class="best"`}><td>${one.hypothesis}</td><td>${one.strength}</td><td>${one.seed}</td><td>${one.verdict ? percent(one.verdict.badness) : '–'}</td><td>${one.verdict?.seen ?? 'nothing'}</td></tr>
`,
)}</tbody></table></details>`
}

function leftAlone({ file, record: { name, details, trouble } }: ShownPicture): Html {
  const why =
    trouble === null
      ? details.map(
          ({ decision, before }) => `${words[decision]}${before === null ? '' : ` (${percent(before.badness)})`}`,
        )
      : [`${trouble.step} failed: ${trouble.message}`]
  return html`<figure><img src="${address(file)}" alt="${name}" loading="lazy"><figcaption>${name}<br><span class="soft">${why.join('; ') || 'nothing found'}</span></figcaption></figure>
`
}

function address(file: string): string {
  return file.split('/').map(encodeURIComponent).join('/')
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}

const style = `
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.5 var(--serif); }
main { max-width: 60rem; margin: 0 auto; padding: 4rem 2rem 6rem; }
h1, h2, p, figure, table { margin: 0; padding: 0; font-weight: 400; }
h1 { font-size: 1.9rem; font-style: italic; line-height: 1.25; }
h2 { font-size: 1.25rem; font-style: italic; overflow-wrap: anywhere; }
section { margin-top: 3.5rem; }
.kicker { margin-bottom: 1rem; color: var(--soft); font-variant-caps: all-small-caps; font-size: 1.15rem; letter-spacing: .08em; }
.soft { color: var(--soft); font-size: .92rem; }
.whole { margin: 1rem 0; }
.whole img { max-width: 100%; max-height: 24rem; min-width: 12rem; image-rendering: pixelated; }
.detail { margin-top: 1.2rem; padding-left: 1rem; border-left: 3px solid var(--rule); }
.detail.repaired { border-color: var(--ink); }
.detail.failed { border-color: var(--accent); }
.steps { display: grid; grid-template-columns: repeat(3, minmax(0, 12rem)); gap: 1rem; margin-bottom: .6rem; }
.steps img, .sheet img { width: 100%; height: auto; image-rendering: pixelated; background: var(--rule); }
figcaption { font-size: .85rem; line-height: 1.35; overflow-wrap: anywhere; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 1rem; margin-top: 1rem; }
details { margin-top: .4rem; font-size: .9rem; }
table { margin-top: .4rem; border-collapse: collapse; }
th { color: var(--soft); font-style: italic; text-align: left; }
th, td { padding: .1rem 1rem .1rem 0; }
.best td { font-weight: 600; }
`
