import { createHash } from 'node:crypto'
import { pageDocument } from '../page/document.ts'
import { Html, html } from '../page/html.ts'
import type { ReportModel } from './model.ts'
import { pageScript } from './script.ts'
import { renderCost } from './sections/cost.ts'
import { renderCurves } from './sections/curves.ts'
import { renderDialog } from './sections/dialog.ts'
import { renderFailures } from './sections/failures.ts'
import { renderFigures } from './sections/figures.ts'
import { renderHalving } from './sections/halving.ts'
import { renderMetrics } from './sections/metrics.ts'
import { renderOpening } from './sections/opening.ts'
import { renderRatings } from './sections/ratings.ts'
import { renderRecipe } from './sections/recipe.ts'
import { pageStyle } from './style.ts'

/** The whole page. Its content policy allows nothing but its own style, script and inlined images. */
export function renderPage(model: ReportModel): string {
  const scriptHash = createHash('sha256').update(pageScript).digest('base64')
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${scriptHash}'`
  const body = html`<main>
${renderOpening(model)}
${renderFailures(model.study)}
${renderHalving(model.study)}
${renderFigures(model)}
${renderMetrics(model.study)}
${renderRatings(model.ratings, model.study)}
${renderCurves(model)}
${renderCost(model.study)}
${renderRecipe(model.study)}
</main>
${renderDialog()}
<script>${new Html(pageScript)}</script>`
  return pageDocument({ title: `${model.study.name} · Phalanx`, style: pageStyle, policy }, body)
}
