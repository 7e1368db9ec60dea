import type { ValidityCard, ValidityFinding } from '../artefact/validity-card.ts'
import { pageDocument } from '../page/document.ts'
import { type Html, html } from '../page/html.ts'
import { pageTheme } from '../page/theme.ts'

/** One self-contained page of validity cards. */
export function renderCards(cards: readonly ValidityCard[]): string {
  const body = html`<main>
<h1>How far metrics can be trusted</h1>
<p>Each was asked to tell damaged images from sound ones. AUC is the probability that a damaged one looks worse: 1 is
perfect, 0.5 is chance, which the line in the middle of each bar shows. Bars are 95 % intervals; grey ones hold chance.</p>
${cards.map(renderCard)}
</main>`
  const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
  return pageDocument({ title: 'Validity of metrics', style: pageTheme + style, policy }, body)
}

function renderCard({ metric, overall, findings, power }: ValidityCard): Html {
  return html`<section><h2>${metric}</h2>
<p>${overall.kind}: AUC <b>${overall.auc.toFixed(2)}</b> [${overall.low.toFixed(2)}, ${overall.high.toFixed(2)}]</p>
<table><thead><tr><th scope="col">damage</th><th scope="col">on</th><th scope="col">0 to 1</th><th scope="col">AUC</th><th scope="col">n</th><th scope="col">with severity</th></tr></thead>
<tbody>${findings.map(renderFinding)}</tbody></table>
${
  power.length > 0 &&
  html`<h3>Share of damaged images that is seen in four of five sets</h3>
<table><thead><tr><th scope="col">damage</th><th scope="col">on</th><th scope="col">images a set</th><th scope="col">smallest share</th><th scope="col">power by share</th></tr></thead>
<tbody>${power.map(
    ({
      source,
      kind,
      images,
      smallest,
      shares,
    }) => html`<tr><th scope="row">${kind}</th><td>${source}</td><td>${images}</td>
<td>${smallest === null ? 'none' : percent(smallest)}</td>
<td>${shares.map((one) => `${percent(one.share)}: ${one.power.toFixed(2)}`).join(', ')}</td></tr>`,
  )}</tbody></table>`
}
</section>`
}

function renderFinding({
  kind,
  source,
  auc,
  low,
  high,
  atChance,
  positives,
  negatives,
  spearman,
}: ValidityFinding): Html {
  const place = (value: number) => `${(100 * value).toFixed(1)}`
  return html`<tr class="${atChance && 'chance'}"><th scope="row">${kind}</th><td>${source}</td>
<td><svg viewBox="0 0 100 12" role="img" aria-label="${low.toFixed(2)} to ${high.toFixed(2)}"><line class="half" x1="50" x2="50" y1="0" y2="12"/><line x1="${place(low)}" x2="${place(high)}" y1="6" y2="6"/><circle cx="${place(auc)}" cy="6" r="3"/></svg></td>
<td>${auc.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]${atChance && ' at chance'}</td><td>${positives} and ${negatives}</td>
<td>${spearman === null ? '–' : `ρ ${spearman.correlation.toFixed(2)} [${spearman.low.toFixed(2)}, ${spearman.high.toFixed(2)}]`}</td></tr>`
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`
}

const style = `
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.5 var(--serif); }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; font-weight: 500; } h2 { font-size: 1.3rem; font-weight: 600; margin: 2.5rem 0 0; overflow-wrap: anywhere; }
h3 { font-size: 1rem; font-weight: 600; margin: 1.5rem 0 0; }
section { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: lining-nums tabular-nums; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule); font-weight: 400; white-space: nowrap; }
thead th { color: var(--soft); font-size: .8rem; }
svg { width: 10rem; height: 1.2rem; vertical-align: middle; overflow: visible; }
line { stroke: var(--accent); stroke-width: 2; } circle { fill: var(--accent); } .half { stroke: var(--rule); stroke-width: 1; }
.chance { color: var(--soft); } .chance line:not(.half) { stroke: var(--faint); } .chance circle { fill: var(--faint); }
`
