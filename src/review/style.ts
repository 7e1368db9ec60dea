import { pageTheme } from '../page/theme.ts'

/** Style of the page of a review: the picture as large as the window lets it be, one line of filters, one of keys. */
export const reviewStyle = `
${pageTheme}
body { margin: 0; height: 100vh; height: 100dvh; background: var(--paper); color: var(--ink); font: 17px/1.4 var(--serif); }
[hidden] { display: none !important; }
h1, p, dl, dd, form { margin: 0; }
h1 { font-size: 1.4rem; font-weight: 400; font-style: italic; }
#enter, #none, noscript { display: block; max-width: 36rem; margin: 0 auto; padding: 18vh 1.2rem 2rem; }
#enter p, #none p { margin: .6rem 0 1.4rem; color: var(--soft); }
#enter form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: baseline; }
input, select { padding: .3rem .5rem; border: 1px solid var(--faint); background: var(--paper); color: inherit; font: inherit; font-size: .95rem; }
#enter input { flex: 1 1 10rem; min-width: 0; }
button { padding: .35rem .75rem; border: 1px solid var(--rule); background: none; color: inherit; font: inherit; font-size: .95rem; cursor: pointer; touch-action: manipulation; }
button:hover { border-color: var(--soft); }
button:disabled { color: var(--faint); cursor: default; border-color: var(--rule); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
kbd { margin-right: .3em; color: var(--soft); font: .78rem var(--mono); }
#review { display: grid; grid-template-rows: auto minmax(0, 1fr) auto; gap: .7rem; height: 100%; padding: .8rem 1.1rem; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .5rem; font-size: .92rem; color: var(--soft); }
header select { max-width: 11.5rem; color: var(--ink); font-size: .9rem; }
.progress { margin-left: auto; }
.tools { display: flex; gap: .4rem; }
#toggle[aria-pressed=true] { border-color: var(--accent); }
#one { display: grid; grid-template-columns: minmax(0, 1fr) minmax(15rem, 22rem); gap: 1.2rem; min-height: 0; }
.pictures { display: flex; gap: .8rem; min-height: 0; }
figure { position: relative; display: flex; flex: 1 1 0; flex-direction: column; min-width: 0; min-height: 0; margin: 0; }
.frame { flex: 1 1 auto; min-height: 0; overflow: hidden; background: var(--rule); }
.frame img { display: block; width: 100%; height: 100%; object-fit: contain; transform: scale(var(--scale, 1)); transform-origin: var(--x, 50%) var(--y, 50%); }
.zoomed .frame { cursor: crosshair; }
figcaption { padding-top: .25rem; color: var(--soft); font-size: .85rem; }
figcaption b, .badge { color: var(--accent); font-weight: 400; }
.about { min-height: 0; overflow: auto; overflow-wrap: anywhere; }
.about > * { margin-bottom: .9rem; }
.caption { font-size: 1.1rem; }
.words { unicode-bidi: isolate; white-space: pre-wrap; }
.caption button { padding: 0 .4rem; font-size: .8rem; }
#captioning input { width: 100%; }
.facts, .lines { color: var(--soft); font-size: .88rem; white-space: pre-line; }
.alike { display: grid; grid-template-columns: repeat(3, 1fr); gap: .4rem; }
.alike:empty { display: none; }
.alike button { padding: 0 0 .15rem; font-size: .78rem; line-height: 1.25; color: var(--soft); }
.alike button[aria-pressed=true] { border-color: var(--accent); }
.alike img { display: block; width: 100%; height: 5rem; object-fit: cover; background: var(--rule); }
#sheet { min-height: 0; overflow-y: auto; overflow-x: hidden; overscroll-behavior: contain; }
.field { position: relative; width: 100%; outline: none; }
.field:not(:focus) .tile[aria-selected=true] { outline-style: dashed; }
.tile { position: absolute; top: 0; left: 0; overflow: hidden; padding: 4px; font-size: .78rem; line-height: 1.3; color: var(--soft); contain: strict; cursor: pointer; }
.tile img { display: block; width: 100%; height: calc(100% - 1.3rem); object-fit: contain; background: var(--rule); }
.tile.refused img { opacity: .25; }
.tile span { display: block; height: 1.3rem; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.tile[aria-selected=true] { outline: 2px solid var(--accent); outline-offset: -2px; color: var(--ink); }
footer { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .4rem; }
.verdicts { display: flex; flex-wrap: wrap; gap: .4rem; }
dialog { max-width: 36rem; padding: 1.4rem 1.6rem; border: 1px solid var(--faint); background: var(--paper); color: var(--ink); }
dialog::backdrop { background: rgb(0 0 0 / .4); }
dl { display: grid; grid-template-columns: auto 1fr; gap: .3rem 1rem; padding: 1rem 0; }
#trouble { position: fixed; right: 1rem; bottom: 4rem; left: 1rem; max-width: 40rem; margin: 0 auto; padding: .8rem 1rem; border: 1px solid var(--accent); background: var(--paper); color: var(--ink); }
@media (max-width: 52rem) {
  body { font-size: 16px; }
  #review { padding: .6rem; gap: .5rem; }
  header select { max-width: 45vw; }
  .progress { flex: 1 1 auto; margin: 0; }
  #one { grid-template-columns: minmax(0, 1fr); grid-template-rows: minmax(0, 1fr) minmax(0, auto); gap: .5rem; }
  .about { max-height: 26vh; }
  .verdicts { display: grid; grid-template-columns: repeat(3, 1fr); flex: 1 1 100%; }
  footer > button { flex: 1 1 100%; }
  footer kbd, .tools kbd, .caption kbd { display: none; }
}
`
