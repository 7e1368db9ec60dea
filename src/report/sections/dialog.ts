import { type Html, html } from '../../page/html.ts'

/** The enlarged view: one image, its facts, and the same prompt and seed in every arm. Filled by the page's script. */
export function renderDialog(): Html {
  return html`<dialog aria-labelledby="enlarged-arm">
<div class="enlarged">
<img class="large" alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==">
<div class="facts">
<h3 id="enlarged-arm"></h3>
<p class="prompt"></p>
<p class="seed"></p>
<p class="judgement"></p>
<p class="hint">← → along the row &nbsp; ↑ ↓ across arms &nbsp; Esc closes</p>
</div>
</div>
<div class="siblings" role="group" aria-label="The same prompt and seed in every arm"></div>
<button type="button" class="close" aria-label="Close" autofocus>×</button>
</dialog>`
}
