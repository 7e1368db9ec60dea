import { createHash } from 'node:crypto'
import { pageDocument } from '../page/document.ts'
import { Html, html } from '../page/html.ts'
import { ratingScript } from './script.ts'
import { ratingStyle } from './style.ts'

const [scriptHash, styleHash] = [ratingScript, ratingStyle].map((text) =>
  createHash('sha256').update(text).digest('base64'),
)

/** Allows the page its own style and script, its own server, and images it has fetched. */
export const ratingPolicy = `default-src 'none'; connect-src 'self'; img-src blob: data:; style-src 'sha256-${styleHash}'; script-src 'sha256-${scriptHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** The one page of a rating: a form for the rater's name, the images with their keys, a rest, and the end. */
export const ratingPage = pageDocument(
  { title: 'Rating', style: ratingStyle, policy: null },
  html`<noscript>This page needs JavaScript, which comes from this machine alone.</noscript>
<main id="enter">
<h1>Who rates?</h1>
<p>Votes are kept under this name. The same name goes on where it stopped.</p>
<form><label for="rater">Name</label> <input id="rater" autocomplete="off" spellcheck="false" maxlength="40" required> <button>Begin</button></form>
</main>
<main id="rate" hidden>
<header><h1 class="question"></h1><p class="prompt"></p></header>
<div class="images" aria-live="off"></div>
<div class="answers" role="group" aria-label="Your vote"></div>
<footer><p class="progress"></p><div class="tools"><button type="button" class="zoom" aria-pressed="false"><kbd>Space</kbd> enlarge</button><button type="button" class="undo"><kbd>Z</kbd> undo</button></div></footer>
</main>
<main id="rest" hidden><h1>A good moment to rest</h1><p class="rested"></p><button type="button"><kbd>Enter</kbd> go on</button></main>
<main id="done" hidden><h1>All rated</h1><p>Thank you. Every vote is on disk; this page can be closed.</p><button type="button" class="undo"><kbd>Z</kbd> undo the last vote</button></main>
<p id="trouble" role="alert" hidden></p>
<script>${new Html(ratingScript)}</script>`,
)
