import type { TrainingRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatCount, listWords } from '../format.ts'
import type { LossPoint, ReportModel } from '../model.ts'

const width = 340
const height = 170
const inset = { left: 40, right: 44, top: 10, bottom: 24 }
/** Points drawn of a raw series; more would only thicken the page. */
const drawnPoints = 600

/** A panel per training, all on one loss axis: raw losses faint, their running mean bold, its last value written out. */
export function renderCurves({ study, losses, maskLosses }: ReportModel): Html | null {
  const trained = study.trainings.filter((training) => (losses.get(training.key)?.length ?? 0) > 1)
  if (trained.length === 0) return null
  const parts = new Map(trained.map(({ key }) => [key, partsOf(maskLosses.get(key))]))
  const drawn = trained.flatMap(({ key }) => [
    losses.get(key) ?? [],
    ...(parts.get(key) ?? []).map(({ points }) => points),
  ])
  const top = Math.max(...drawn.map(plausibleTop))
  const masked = [...parts.values()].some((found) => found.length > 0)
  return html`<section aria-labelledby="curves">
<h2 id="curves">How training went</h2>
<p class="caption">Denoising loss over optimizer steps: each step faint, the running mean bold. Most of the scatter is the
random timestep, not the training.${masked ? ' With masks, the running mean on them is dashed and that off them dotted.' : ''}</p>
<div class="panels">${trained.map((training) => renderPanel(training, losses.get(training.key) ?? [], parts.get(training.key) ?? [], top))}</div>
</section>`
}

/** The running mean of one side of the masks. */
interface MaskPart {
  readonly name: 'on' | 'off'
  readonly points: readonly LossPoint[]
  readonly last: number
}

function partsOf(losses: Readonly<Record<'on' | 'off', readonly LossPoint[]>> | undefined): MaskPart[] {
  return (['on', 'off'] as const).flatMap((name) => {
    const points = runningMean(losses?.[name] ?? [])
    return points.length > 1 ? [{ name, points, last: (points.at(-1) as LossPoint).loss }] : []
  })
}

function renderPanel(
  training: TrainingRecord,
  points: readonly LossPoint[],
  parts: readonly MaskPart[],
  top: number,
): Html {
  const smooth = runningMean(points)
  const steps = Math.max(...points.map((point) => point.step))
  const last = smooth.at(-1) as LossPoint
  const name = listWords(training.arms)
  const [left, right, bottom] = [inset.left, width - inset.right, height - inset.bottom]
  const x = (step: number) => left + ((right - left) * (step - 1)) / Math.max(1, steps - 1)
  const y = (loss: number) => bottom - ((bottom - inset.top) * Math.min(loss, top)) / top
  const labels = apart([
    { text: last.loss.toFixed(3), kind: 'last', place: y(last.loss) + 4 },
    ...parts.map((part) => ({ text: part.name, kind: 'part', place: y(part.last) + 4 })),
  ])
  return html`<figure class="panel"><figcaption>${name}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="Loss of ${name}: running mean ${last.loss.toFixed(3)} after ${steps} steps${parts.map((part) => `, ${part.last.toFixed(3)} ${part.name} the masks`).join('')}">
<path class="raw" d="${path(thin(points), x, y)}"/>
<path class="smooth" d="${path(thin(smooth), x, y)}"/>
${parts.map(({ name, points: mean }) => html`<path class="${name}-mask" d="${path(thin(mean), x, y)}"/>`)}
<line class="frame" x1="${left - 6}" x2="${left - 6}" y1="${y(top)}" y2="${bottom}"/>
<line class="frame" x1="${left}" x2="${right}" y1="${bottom + 6}" y2="${bottom + 6}"/>
<text x="${left - 10}" y="${y(top) + 4}" text-anchor="end">${top.toFixed(top < 1 ? 2 : 1)}</text>
<text x="${left - 10}" y="${bottom + 3}" text-anchor="end">0</text>
<text x="${left}" y="${height - 3}">1</text>
<text x="${right}" y="${height - 3}" text-anchor="end">${formatCount(steps)} steps</text>
${labels.map(({ text, kind, place }) => html`<text class="${kind}" x="${right + 5}" y="${place}">${text}</text>`)}
</svg></figure>`
}

/** Labels by their height, moved up from the lowest so that none covers another. */
function apart<Label extends { readonly place: number }>(labels: readonly Label[]): Label[] {
  let floor = height
  return labels
    .toSorted((a, b) => b.place - a.place)
    .map((label) => {
      const place = Math.min(label.place, floor)
      floor = place - 11
      return { ...label, place }
    })
}

/** Mean over a trailing window of a twentieth of the series. */
function runningMean(points: readonly LossPoint[]): LossPoint[] {
  const window = Math.max(1, Math.round(points.length / 20))
  let sum = 0
  return points.map((point, i) => {
    sum += point.loss - (i >= window ? (points[i - window]?.loss ?? 0) : 0)
    return { step: point.step, loss: sum / Math.min(i + 1, window) }
  })
}

/** Upper end of the axis: the 98th percentile, so that one spike does not flatten the rest. */
function plausibleTop(points: readonly LossPoint[]): number {
  const sorted = points.map((point) => point.loss).sort((a, b) => a - b)
  return (sorted[Math.floor(sorted.length * 0.98)] ?? 1) * 1.05 || 1
}

function thin(points: readonly LossPoint[]): readonly LossPoint[] {
  const stride = Math.ceil(points.length / drawnPoints)
  return points.filter((_, i) => i % stride === 0 || i === points.length - 1)
}

function path(points: readonly LossPoint[], x: (step: number) => number, y: (loss: number) => number): string {
  return points.map((point, i) => `${i ? 'L' : 'M'}${x(point.step).toFixed(1)} ${y(point.loss).toFixed(1)}`).join('')
}
