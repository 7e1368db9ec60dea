import { pageTheme } from '../page/theme.ts'

/** The page's style sheet, its accent for defects; light, dark, narrow, wide, print. */
export const pageStyle = `
${pageTheme}body { margin: 0; background: var(--paper); color: var(--ink); font: 18px/1.5 var(--serif); font-variant-numeric: oldstyle-nums; }
main { max-width: 64rem; margin: 0 auto; padding: 5rem 2rem 6rem; }
h1, h2, h3, h4, p, figure, dl, dd, ol, ul, table { margin: 0; padding: 0; }
h1 { max-width: 26em; font-size: 1.9rem; font-weight: 400; font-style: italic; line-height: 1.25; text-wrap: pretty; }
h2 { font-size: 1.5rem; font-weight: 400; font-style: italic; }
h3 { font-size: 1.05rem; font-weight: 400; }
h3 small { margin-left: .4em; color: var(--soft); font-size: .85rem; font-style: italic; }
h4 { margin: 1.6rem 0 .4rem; font-size: .95rem; font-weight: 400; font-style: italic; }
section { margin-top: 5rem; }
.kicker, .extent { color: var(--soft); font-size: .95rem; }
.kicker { margin-bottom: 1.2rem; font-variant-caps: all-small-caps; font-size: 1.15rem; letter-spacing: .08em; }
.found { max-width: 34em; margin-top: 1.1rem; font-size: 1.3rem; line-height: 1.45; text-wrap: pretty; font-variant-numeric: lining-nums; }
.extent { margin-top: 1.6rem; font-style: italic; }
.caption, .note { max-width: 40em; color: var(--soft); font-size: .92rem; text-wrap: pretty; }
.caption { margin: .4rem 0 1.6rem; }
.note { margin-top: .5rem; font-size: .82rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.grid { margin-top: 2.4rem; }
.grid > figcaption { margin-bottom: .6rem; font-style: italic; }
.row { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: 1rem; align-items: center; }
.row + .row { margin-top: 4px; }
.row-label { font-size: .95rem; line-height: 1.2; overflow-wrap: anywhere; text-align: right; }
.row-label small { display: block; color: var(--soft); font-size: .8rem; }
.cells { display: grid; gap: 4px; grid-template-columns: repeat(auto-fill, minmax(3.6rem, 1fr)); }
.head { align-items: end; }
.head .cells span { color: var(--soft); font-size: .85rem; line-height: 1.25; padding-bottom: .2rem; }
.cell { position: relative; display: block; padding: 0; border: 0; background: var(--rule); cursor: zoom-in; line-height: 0; }
.cell img, .siblings img, .large { width: 100%; height: auto; image-rendering: pixelated; }
.cell:hover img { opacity: .86; }
.missing { display: grid; place-items: center; overflow: hidden; aspect-ratio: 1; border: 1px dashed var(--faint); background: repeating-linear-gradient(135deg, transparent 0 6px, var(--rule) 6px 7px); }
.missing span { color: var(--soft); font-size: .7rem; font-style: italic; line-height: 1.2; text-align: center; background: var(--paper); padding: 0 .2em; }
.missing.failed span { color: var(--accent); }
.missing.not-applicable { background: none; }
.badge { position: absolute; top: 0; right: 0; min-width: 1.35em; padding: 0 .3em; background: var(--paper); color: var(--accent); font: 600 .7rem/1.45 var(--serif); text-align: center; font-variant-numeric: lining-nums; }
.badge.sample { position: static; display: inline-block; border: 1px solid var(--rule); }

.metric { margin-top: 2.6rem; }
.metric.untrusted > :not(.note) { opacity: .4; }
table { width: 100%; border-collapse: collapse; font-size: .95rem; }
th { font-weight: 400; text-align: left; }
thead th { color: var(--soft); font-size: .85rem; font-style: italic; padding-bottom: .3rem; }
td, tbody th { padding: .12rem .6rem .12rem 0; vertical-align: middle; }
.number { font-variant-numeric: lining-nums tabular-nums; white-space: nowrap; }
.number b { font-weight: 600; }
.range, .reason, .none { color: var(--soft); }
.range { font-size: .85rem; }
.reason { font-style: italic; font-size: .85rem; }
.intervals { table-layout: fixed; }
.intervals .arm { width: 15%; }
.intervals .value { width: 20%; }
.intervals .change { width: 24%; }
.intervals .p { width: 7%; }
.intervals tbody td.plot + td { padding-left: .4rem; }
.intervals th[scope=row] { overflow-wrap: anywhere; line-height: 1.2; }
.intervals .baseline th { font-style: italic; }
.interval, .axis { display: block; overflow: visible; }
.bar { stroke: var(--ink); stroke-width: 1.4; }
.dot { fill: var(--ink); }
.reference { stroke: var(--faint); stroke-width: 1; stroke-dasharray: 1 3; }
.unclear .bar { stroke: var(--faint); }
.unclear .dot { fill: var(--paper); stroke: var(--soft); stroke-width: 1.4; }
.axis line, .frame { stroke: var(--faint); stroke-width: 1; }
.axis text, .panel text { fill: var(--soft); font: 12px var(--serif); font-variant-numeric: lining-nums; }
abbr { text-decoration: none; cursor: help; }

.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1.6rem 2rem; }
.panel figcaption { font-size: .95rem; }
.panel svg { display: block; width: 100%; max-width: 30rem; }
.raw { fill: none; stroke: var(--faint); stroke-width: .6; opacity: .75; }
.smooth { fill: none; stroke: var(--ink); stroke-width: 1.5; stroke-linejoin: round; }
.on-mask, .off-mask { fill: none; stroke: var(--ink); stroke-width: 1.1; stroke-dasharray: 5 3; }
.off-mask { stroke-dasharray: 1.5 2.5; }
.panel .last { fill: var(--ink); }

.scroll { overflow-x: auto; }
.cost { margin-top: 1rem; }
.cost th.number, .cost td.number { text-align: right; padding-right: 0; padding-left: 1.4rem; }
.cost tbody tr { border-top: 1px solid var(--rule); }
.cost td, .cost tbody th { padding-top: .35rem; padding-bottom: .35rem; }

dl { display: grid; grid-template-columns: 9rem minmax(0, 1fr); gap: .3rem 1rem; font-size: .92rem; }
dt { color: var(--soft); font-style: italic; text-align: right; }
dd { overflow-wrap: anywhere; font-variant-numeric: lining-nums; }
dd ol, dd ul { padding-left: 1.2em; }
.recipe > dl { margin-top: 1.2rem; }
.recipe > h3 { margin: 2rem 0 .4rem; font-style: italic; }
code, pre { font: .78rem/1.5 var(--mono); }
.hash { display: block; color: var(--soft); overflow-wrap: anywhere; font-size: .7rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--soft); }
details { border-top: 1px solid var(--rule); padding: .5rem 0; }
details.note { border-top: 0; padding: 0; max-width: 40em; }
details dl { margin: .8rem 0 .6rem; }
summary { cursor: pointer; }
summary span { margin-left: .4em; color: var(--soft); }
.failures dl { margin-top: 1rem; }
.failures h2 { color: var(--accent); }
.failures p { max-width: 40em; }
.message { white-space: pre-wrap; }

.ratings { width: auto; margin: .8rem 0; border-collapse: collapse; font-size: .92rem; font-variant-numeric: lining-nums; }
.ratings caption { text-align: left; font-style: italic; }
.ratings th, .ratings td { padding: .15rem 1.2rem .15rem 0; text-align: left; font-weight: 400; vertical-align: baseline; }
.ratings thead th { color: var(--soft); font-style: italic; }
details .ratings { display: block; overflow-x: auto; }

dialog { width: min(52rem, calc(100vw - 2rem)); max-height: calc(100vh - 2rem); padding: 2rem; border: 1px solid var(--rule); background: var(--paper); color: var(--ink); overflow: auto; }
dialog::backdrop { background: rgb(20 18 15 / .72); }
.enlarged { display: grid; grid-template-columns: minmax(0, 26rem) minmax(10rem, 1fr); gap: 2rem; }
.large { display: block; max-width: 26rem; }
.facts h3 { font-size: 1.4rem; font-style: italic; }
.facts .prompt { margin-top: .3rem; }
.facts .seed, .facts .judgement { color: var(--soft); font-size: .92rem; font-variant-numeric: lining-nums; }
.facts .hint { margin-top: 1.6rem; color: var(--soft); font-size: .8rem; }
.siblings { display: flex; flex-wrap: wrap; align-items: flex-start; gap: .6rem; margin-top: 1.4rem; }
.siblings button { width: 5.6rem; padding: 0; border: 0; background: none; color: var(--soft); font: italic .8rem/1.3 var(--serif); cursor: pointer; }
.siblings img { display: block; margin-bottom: .25rem; }
.siblings [aria-current] { color: var(--ink); box-shadow: 0 -2px 0 var(--accent); }
.close { position: absolute; top: .5rem; right: .7rem; padding: .2rem .6rem; border: 0; background: none; color: var(--soft); font: 1.6rem/1 var(--serif); cursor: pointer; }

@media (min-width: 44.01rem) {
  ${Array.from({ length: 8 }, (_, i) => `.columns-${i + 1} .cells { grid-template-columns: repeat(${i + 1}, minmax(0, ${i < 4 ? 9 : 7}rem)); }`).join('\n  ')}
}
@media (max-width: 44rem) {
  body { font-size: 17px; }
  main { padding: 2.4rem 1.1rem 4rem; }
  section { margin-top: 3.6rem; }
  h1 { font-size: 1.5rem; }
  .found { font-size: 1.15rem; }
  .row { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
  .row + .row { margin-top: .8rem; }
  .row-label { text-align: left; }
  .row-label small { display: inline; margin-left: .6em; }
  .cells { grid-template-columns: repeat(4, minmax(0, 1fr)); }
  .head { display: none; }
  .columns-2 .head, .columns-3 .head, .columns-4 .head { display: grid; }
  .head > span { display: none; }
  .head .cells span { font-size: .72rem; line-height: 1.15; overflow-wrap: anywhere; }
  .intervals thead { display: none; }
  .intervals, .intervals tbody, .intervals tfoot { display: block; }
  .intervals tr { display: grid; grid-template-columns: minmax(0, 1fr) 9.2rem; column-gap: .6rem; margin-top: .9rem; }
  .intervals tfoot tr { margin-top: 0; }
  .intervals tfoot td:not(.plot) { display: none; }
  .intervals tfoot td.plot:nth-child(n+3) { display: none; }
  .intervals th[scope=row] { grid-column: 1 / -1; }
  .intervals td { padding: 0; }
  .intervals td.reason { grid-column: 1 / -1; }
  .intervals td.number { white-space: normal; }
  .intervals .range { display: inline-block; white-space: nowrap; }
  .intervals .baseline td.reason, .intervals col { display: none; }
  .intervals td.p { grid-column: 2; width: auto; padding-left: .4rem; color: var(--soft); font-size: .85rem; }
  .intervals td.p::before { content: 'p\\a0'; font-style: italic; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; }
  dt { text-align: left; margin-top: .5rem; }
  dialog { padding: 2.4rem 1rem 1rem; }
  .enlarged { grid-template-columns: minmax(0, 1fr); gap: 1rem; }
  .facts .hint { display: none; }
  .siblings { gap: .4rem; }
  .siblings button { flex: 1 1 3.6rem; width: auto; max-width: 5rem; }
}
@media (prefers-reduced-motion: no-preference) { .cell img { transition: opacity .12s; } }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --faint: #999; --rule: #ccc; }
  body { font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  section { margin-top: 2.2rem; }
  .row, .metric, .panel, .cost tr { break-inside: avoid; }
  h2, .grid > figcaption { break-after: avoid; }
  .cell, .badge { print-color-adjust: exact; }
}
`
