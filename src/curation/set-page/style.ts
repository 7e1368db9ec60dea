/** What the page of a frozen set adds to the theme of all pages. */
export const setPageStyle = `
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.5 var(--serif); }
main { max-width: 1200px; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1, h2 { font-weight: 400; line-height: 1.2; } h1 { font-size: 2.2rem; margin: 0; } h2 { margin: 3rem 0 .75rem; }
.soft { color: var(--soft); overflow-wrap: anywhere; }
h2 .soft { font-size: 1rem; }
code { font-family: var(--mono); font-size: .85em; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 1rem; }
.sheet figure { margin: 0; min-width: 0; content-visibility: auto; contain-intrinsic-size: 150px 190px; }
.sheet img { display: block; width: 100%; height: 150px; object-fit: contain; background: var(--rule); }
figcaption { font-size: .8rem; line-height: 1.35; color: var(--soft); overflow: hidden; display: -webkit-box;
  -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow-wrap: anywhere; }
details { margin: .75rem 0; border-top: 1px solid var(--rule); padding-top: .5rem; }
summary { cursor: pointer; padding: .25rem 0; }
details[open] > summary { margin-bottom: .75rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--rule);
  white-space: pre-line; overflow-wrap: anywhere; }
th { font-weight: 400; color: var(--soft); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(18rem, 100%), 1fr)); gap: 1rem 2.5rem; }
.part, .bars td, .bars th { white-space: nowrap; } .bars td:last-child { width: 40%; padding-right: 0; }
.bar { display: inline-block; height: .7em; background: var(--accent); opacity: .75; }
.word { white-space: nowrap; margin-right: .6rem; }
.reasons dt { margin-top: 1rem; border-top: 1px solid var(--rule); padding-top: .5rem; }
.reasons dd { margin: .35rem 0 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
.reasons dd p { margin: 0; font-size: .85rem; flex-basis: 100%; }
.small { margin: 0; width: 120px; }
.small img { display: block; width: 120px; height: 120px; object-fit: contain; background: var(--rule); }
`
