import type { MetricRecord } from '../artefact/study-record.ts'
import { type Html, html } from '../page/html.ts'

/** The stretch of numbers that a plot spans, the ticks that are labelled, and a reference line. */
export interface Domain {
  readonly low: number
  readonly high: number
  readonly ticks: readonly number[]
  readonly reference: number | null
}

/** Share of a plot's width kept free at either side, so that end points and labels stay inside. */
const margin = 0.06
const middle = 11

/** Shares and probabilities span 0 to 1; others span what was seen, zero included. The baseline is the reference. */
export function valueDomain(metric: MetricRecord): Domain {
  const baseline = metric.rows.find((row) => row.difference === null && row.estimate !== null)?.estimate?.value ?? null
  const reference = metric.rows.some((row) => row.difference !== null) ? baseline : null
  if (metric.unit === 'share' || metric.unit === 'probability')
    return { low: 0, high: 1, ticks: [0, 0.5, 1], reference }
  const ends = metric.rows.flatMap((row) => (row.estimate ? [row.estimate.low, row.estimate.high] : []))
  const high = roundUp(Math.max(1e-9, ...ends))
  const low = Math.min(0, ...ends)
  return { low: low < 0 ? -roundUp(-low) : 0, high, ticks: [0, high], reference }
}

/** Symmetric around zero. */
export function differenceDomain(metric: MetricRecord): Domain {
  const ends = metric.rows.flatMap((row) => (row.difference ? [row.difference.low, row.difference.high] : []))
  const reach = roundUp(Math.max(1e-9, ...ends.map(Math.abs)))
  return { low: -reach, high: reach, ticks: [-reach, 0, reach], reference: 0 }
}

/** A bar from low to high with a dot at the value. */
export function renderInterval(
  domain: Domain,
  estimate: { readonly value: number; readonly low: number; readonly high: number },
  kind: 'estimate' | 'clear' | 'unclear',
): Html {
  return html`<svg class="interval ${kind}" width="100%" height="${middle * 2}" aria-hidden="true">${
    domain.reference !== null &&
    html`<line class="reference" x1="${at(domain, domain.reference)}" x2="${at(domain, domain.reference)}" y1="0" y2="${middle * 2}"/>`
  }<line class="bar" x1="${at(domain, estimate.low)}" x2="${at(domain, estimate.high)}" y1="${middle}" y2="${middle}"/>
<circle class="dot" cx="${at(domain, estimate.value)}" cy="${middle}" r="3.6"/></svg>`
}

/** Tick labels under a column of plots. */
export function renderAxis(domain: Domain, show: (value: number) => string): Html {
  return html`<svg class="axis" width="100%" height="20">${domain.ticks.map(
    (tick) =>
      html`<line x1="${at(domain, tick)}" x2="${at(domain, tick)}" y1="0" y2="4"/><text x="${at(domain, tick)}" y="16" text-anchor="middle">${show(tick)}</text>`,
  )}</svg>`
}

function at(domain: Domain, value: number): string {
  const share = (Math.min(domain.high, Math.max(domain.low, value)) - domain.low) / (domain.high - domain.low)
  return `${((margin + share * (1 - 2 * margin)) * 100).toFixed(2)}%`
}

/** The next of 1, 2, 3, 4, 5, 6, 8, 10 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value * (1 - 1e-9)) ?? 10
  return Number((step * power).toPrecision(6))
}
