import type { FigureRecord, StudyRecord } from '../../artefact/study-record.ts'
import { type Html, html } from '../../page/html.ts'
import { formatRuns, sentenceStart } from '../format.ts'
import type { ReportImage, ReportModel } from '../model.ts'

type Dimension = FigureRecord['rows']
type Place = Readonly<Record<Dimension, string | number>>

const dimensions: readonly Dimension[] = ['arm', 'prompt', 'seed']
/** Columns that stay on one line on a wide screen. */
const columnsOnOneLine = 8

/** Every figure: grids whose rows and columns are two of arm, prompt and seed, repeated over the third. */
export function renderFigures(model: ReportModel): Html[] {
  const byPlace = new Map(model.images.map((image) => [placeKey(image), image]))
  return model.study.figures.map((figure, number) => renderFigure(figure, number + 1, model.study, byPlace))
}

function renderFigure(
  figure: FigureRecord,
  number: number,
  study: StudyRecord,
  images: ReadonlyMap<string, ReportImage>,
): Html {
  const seeds = figure.seeds === null ? study.seeds : study.seeds.slice(0, figure.seeds)
  const values: Record<Dimension, readonly (string | number)[]> = {
    arm: study.arms.map((arm) => arm.name),
    prompt: study.prompts.map((_, index) => index),
    seed: seeds,
  }
  const third = dimensions.find((dimension) => dimension !== figure.rows && dimension !== figure.columns) ?? 'seed'
  const blocks = values[third].map((value) =>
    renderBlock({ figure, study, images, rows: values[figure.rows], columns: values[figure.columns], third, value }),
  )
  const judged = number === 1 && study.images.some((image) => image.fingers !== null)
  return html`<section class="figure" aria-labelledby="figure-${number}">
<h2 id="figure-${number}">${figureTitle(figure)}</h2>
<p class="caption">The same prompts and seeds in every arm; ${seeds.length === 1 ? 'seed' : 'seeds'} ${formatRuns(seeds)}. Choose an image to see it large,
beside the other arms. ${
    judged &&
    html`<span class="badge sample">3</span> marks a hand on which the classifier counted that many
fingers where the prompt asks for another number, <span class="badge sample">·</span> one whose anatomy it doubts.`
  }</p>
${blocks}
</section>`
}

interface Block {
  readonly figure: FigureRecord
  readonly study: StudyRecord
  readonly images: ReadonlyMap<string, ReportImage>
  readonly rows: readonly (string | number)[]
  readonly columns: readonly (string | number)[]
  readonly third: Dimension
  readonly value: string | number
}

function renderBlock(block: Block): Html {
  const { figure, study, rows, columns, third, value } = block
  const wide = columns.length <= columnsOnOneLine
  const headed = wide && figure.columns !== 'seed'
  return html`<figure class="grid ${wide ? `columns-${columns.length}` : 'columns-many'} ${headed ? 'headed' : ''}">
<figcaption>${label(third, value, study)}</figcaption>
${
  headed &&
  html`<div class="row head" aria-hidden="true"><span></span><div class="cells">${columns.map(
    (column) => html`<span>${label(figure.columns, column, study)}</span>`,
  )}</div></div>`
}
${rows.map((row) => renderRow(block, row))}
</figure>`
}

function renderRow({ figure, study, images, columns, third, value }: Block, row: string | number): Html {
  const found = columns.map((column) => {
    const place: Place = { arm: '', prompt: 0, seed: 0, [third]: value, [figure.rows]: row, [figure.columns]: column }
    return { place, image: images.get(placeKey(place)) }
  })
  const tally = tallyRight(found.flatMap(({ image }) => image ?? []))
  return html`<div class="row">
<p class="row-label">${label(figure.rows, row, study)}${tally && html`<small>${tally}</small>`}</p>
<div class="cells">${found.map(({ place, image }) =>
    image ? renderCell(image, study) : renderMissing(place, study),
  )}</div>
</div>`
}

function renderCell(image: ReportImage, study: StudyRecord): Html {
  const text = describe(image, study)
  return html`<button type="button" class="cell" data-arm="${image.arm}" data-prompt="${promptOf(image, study)}"
 data-seed="${image.seed}" data-place="${image.prompt}/${image.seed}" data-fingers="${judgement(image)}">
<img src="${image.source}" width="${image.width}" height="${image.height}" alt="${text}" decoding="async">${badge(image)}
</button>`
}

/** The place of a picture that is not there, with why. */
function renderMissing(place: Place, study: StudyRecord): Html {
  const arm = study.arms.find(({ name }) => name === place.arm)
  const known = arm?.missing.find(({ prompt }) => prompt === place.prompt)
  const mark = known === undefined ? '' : marks[known.status]
  const why = known === undefined ? 'missing' : `${mark}: ${known.reason}`
  return html`<span class="missing ${known?.status}" role="img" title="${why}" aria-label="${describe(place, study)}: ${why}"><span aria-hidden="true">${mark}</span></span>`
}

const marks = { failed: 'failed', skipped: 'left out', left: 'not yet', 'not-applicable': 'not applicable' } as const

function badge(image: ReportImage): Html | null {
  if (isMiscounted(image)) return html`<span class="badge" aria-hidden="true">${image.fingers}</span>`
  if ((image.defectProbability ?? 0) > 0.5) return html`<span class="badge" aria-hidden="true">·</span>`
  return null
}

function isMiscounted(image: ReportImage): boolean {
  return image.fingers !== null && image.expectedFingers !== null && image.fingers !== image.expectedFingers
}

function judgement(image: ReportImage): string {
  const parts: string[] = []
  if (image.fingers !== null && image.expectedFingers !== null) {
    parts.push(`${image.fingers} fingers counted, ${image.expectedFingers} asked`)
  }
  if (image.defectProbability !== null) parts.push(`defect probability ${image.defectProbability.toFixed(2)}`)
  return parts.join(' · ')
}

function tallyRight(images: readonly ReportImage[]): string | null {
  const counted = images.filter((image) => image.fingers !== null && image.expectedFingers !== null)
  if (counted.length === 0) return null
  return `${counted.filter((image) => !isMiscounted(image)).length} of ${counted.length} right`
}

function promptOf(image: ReportImage, study: StudyRecord): string {
  return study.arms.find((arm) => arm.name === image.arm)?.prompts[image.prompt] ?? study.prompts[image.prompt] ?? ''
}

function describe(place: Place, study: StudyRecord): string {
  return `${place.arm}, ${study.prompts[Number(place.prompt)]}, seed ${place.seed}`
}

function label(dimension: Dimension, value: string | number, study: StudyRecord): string {
  if (dimension === 'prompt') return study.prompts[Number(value)] ?? ''
  return dimension === 'seed' ? `seed ${value}` : String(value)
}

function figureTitle(figure: FigureRecord): string {
  return sentenceStart(figure.name).replaceAll(/[-_]/g, ' ')
}

function placeKey(place: Place | ReportImage): string {
  return JSON.stringify([place.arm, Number(place.prompt), Number(place.seed)])
}
