import { pageTheme } from '../page/theme.ts'

/** Style of the rating's page: the images as large as the window lets them be, nothing else that draws the eye. */
export const ratingStyle = `
${pageTheme}
body { margin: 0; min-height: 100vh; min-height: 100dvh; background: var(--paper); color: var(--ink); font: 18px/1.45 var(--serif); }
[hidden] { display: none !important; }
h1, p { margin: 0; }
h1 { font-size: 1.4rem; font-weight: 400; font-style: italic; }
#enter, #rest, #done, noscript { display: block; max-width: 34rem; margin: 0 auto; padding: 18vh 1.2rem 2rem; }
#enter p, #rest p, #done p { margin: .6rem 0 1.4rem; color: var(--soft); }
form { display: flex; flex-wrap: wrap; gap: .6rem; align-items: baseline; }
input { flex: 1 1 10rem; min-width: 0; padding: .4rem .6rem; border: 1px solid var(--faint); background: none; color: inherit; font: inherit; }
button { padding: .4rem .8rem; border: 1px solid var(--rule); background: none; color: inherit; font: inherit; font-size: .95rem; cursor: pointer; touch-action: manipulation; }
button:hover { border-color: var(--soft); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
kbd { margin-right: .35em; color: var(--soft); font: .78rem var(--mono); }
#rate { display: grid; grid-template-rows: auto minmax(0, 1fr) auto auto; gap: .8rem; height: 100vh; height: 100dvh; padding: 1rem 1.2rem; }
header { text-align: center; }
.prompt { color: var(--soft); overflow-wrap: anywhere; }
.images { display: flex; justify-content: center; align-items: center; gap: 1.2rem; min-height: 0; }
.frame { position: relative; flex: 0 1 auto; width: min(calc((100vw - 3.6rem) / 2), calc(100dvh - 15rem)); aspect-ratio: 1; overflow: hidden; background: var(--rule); }
.alone .frame { width: min(calc(100vw - 2.4rem), calc(100dvh - 16rem)); }
.frame img { display: block; width: 100%; height: 100%; object-fit: contain; transform: scale(var(--scale, 1)); transform-origin: var(--x, 50%) var(--y, 50%); image-rendering: auto; }
.zoomed .frame { cursor: crosshair; }
.zoomed .frame img { image-rendering: pixelated; }
.answers { display: flex; flex-wrap: wrap; justify-content: center; gap: .5rem; }
footer { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: center; gap: .5rem; color: var(--soft); font-size: .92rem; }
.tools { display: flex; gap: .5rem; }
button:disabled { color: var(--faint); cursor: default; }
#trouble { position: fixed; right: 1rem; bottom: 1rem; left: 1rem; max-width: 40rem; margin: 0 auto; padding: .8rem 1rem; border: 1px solid var(--accent); background: var(--paper); color: var(--ink); }
@media (max-width: 44rem) {
  #rate { padding: .7rem; gap: .5rem; }
  h1 { font-size: 1.1rem; }
  .prompt { font-size: .95rem; }
  .images { gap: .5rem; }
  .frame { width: min(calc((100vw - 1.9rem) / 2), calc(100dvh - 18rem)); }
  .alone .frame { width: min(calc(100vw - 1.4rem), calc(100dvh - 20rem)); }
  .answers button { flex: 1 1 45%; }
  .answers button:nth-child(2), .answers button:nth-child(3) { order: 1; }
  .counted .answers button { flex: 1 1 15%; order: 0; }
  .answers kbd, .tools kbd { display: none; }
}
`
