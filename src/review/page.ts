import { createHash } from 'node:crypto'
import { pageDocument } from '../page/document.ts'
import { Html, html } from '../page/html.ts'
import { reviewScript } from './script/index.ts'
import { reviewStyle } from './style.ts'

const [scriptHash, styleHash] = [reviewScript, reviewStyle].map((text) =>
  createHash('sha256').update(text).digest('base64'),
)

/** Allows the page its own style and script, and its own server. Places of tiles are set by script, not by markup. */
export const reviewPolicy = `default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'sha256-${styleHash}'; script-src 'sha256-${scriptHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const verdicts = [
  ['k', 'keep', 'keep'],
  ['x', 'drop', 'drop'],
  ['w', 'watermark', 'watermark'],
  ['c', 'clip-art', 'clip-art'],
  ['d', 'duplicate', 'duplicate'],
  ['n', 'not-duplicate', 'no duplicate'],
] as const

/** What pictures are shown, and in which order. */
const filters = ['state', 'suspected', 'query', 'source', 'order'] as const

const keys = [
  ['K', 'keep the picture'],
  ['X', 'drop it'],
  ['W', 'drop it: it has a watermark'],
  ['C', 'drop it: it is clip-art'],
  ['D', 'drop it: it is the same as the one beside it'],
  ['N', 'keep it: it gave way to the one beside it, but is no duplicate'],
  ['U', 'undo your last decision, again and again'],
  ['E', 'edit the caption; Enter keeps it, Esc does not'],
  ['← →', 'the picture before or after'],
  ['1 – 6', 'which one of those alike is beside it'],
  ['Space', 'enlarge; the pointer moves the part that is seen'],
  ['G', 'the sheet of all pictures, and back; arrows and Enter choose there'],
  ['F', 'to the filters'],
  ['?', 'this help'],
] as const

/** The page of a review. */
export function reviewPage({ title, reviewer }: { title: string; reviewer: string | null }): string {
  return pageDocument(
    { title: `${title} · review`, style: reviewStyle, policy: null },
    html`<noscript>This page needs JavaScript, which comes from this machine alone.</noscript>
<main id="enter">
<h1>Who reviews ${title}?</h1>
<p>Decisions are kept under this name. Several people may review at a time, and each goes on where the set is.</p>
<form><label for="reviewer">Name</label> <input id="reviewer" autocomplete="off" spellcheck="false" maxlength="60" required value="${reviewer ?? ''}"> <button>Begin</button></form>
</main>
<main id="review" hidden>
<header>
${filters.map(
  (name) => html`<select id="${name}" aria-label="${name}"></select>
`,
)}<p class="progress" role="status"></p>
<span class="tools"><button type="button" id="toggle" aria-pressed="false"><kbd>G</kbd> sheet</button><button type="button" id="ask"><kbd>?</kbd> keys</button></span>
</header>
<section id="one" aria-label="One picture">
<div class="pictures"></div>
<div class="about"><p class="caption"><span class="words" dir="auto"></span> <button type="button" id="edit"><kbd>E</kbd> edit</button></p>
<form id="captioning" hidden><input id="caption" aria-label="Caption" dir="auto" autocomplete="off" maxlength="8192"></form>
<p class="facts"></p>
<div class="alike" role="group" aria-label="Pictures that look like it"></div>
<p class="lines"></p></div>
</section>
<section id="sheet" hidden aria-label="All pictures"><div class="field" role="listbox" aria-label="Pictures" tabindex="0"></div></section>
<section id="none" hidden><h1></h1><p></p></section>
<footer><div class="verdicts" role="group" aria-label="Your decision">${verdicts.map(
      ([key, kind, words]) =>
        html`<button type="button" data-kind="${kind}"><kbd>${key.toUpperCase()}</kbd> ${words}</button>`,
    )}</div><button type="button" id="undo"><kbd>U</kbd> undo</button></footer>
</main>
<dialog id="help" aria-label="Keys"><h1>Keys</h1><dl>${keys.map(
      ([key, words]) => html`<dt><kbd>${key}</kbd></dt><dd>${words}</dd>`,
    )}</dl><form method="dialog"><button>Close</button></form></dialog>
<p id="trouble" role="alert" hidden></p>
<script>${new Html(reviewScript)}</script>`,
  )
}
