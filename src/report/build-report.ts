import { join } from 'node:path'
import { atomicWrite } from '../util/atomic-write.ts'
import type { Headline } from './headline.ts'
import { type ReportModel, readReportModel } from './model.ts'
import { renderPage } from './page.ts'

/** Where a report was written and what it says first. */
export interface Report {
  readonly html: string
  readonly json: string
  readonly headline: Headline
}

/**
 * Makes `report.html` (one self-contained page) and `report.json` (headline, metrics, costs, recipe, ratings) from a
 * study's folder and that of its closed ratings alone; no worker is needed. Both appear whole or not at all. Throws
 * ArtefactError when the folder holds no readable study.
 */
export async function buildReport(folder: string): Promise<Report> {
  const model = await readReportModel(folder)
  const html = join(folder, 'report.html')
  const json = join(folder, 'report.json')
  await atomicWrite(html, renderPage(model))
  await atomicWrite(json, `${JSON.stringify(summarise(model), null, 2)}\n`)
  return { html, json, headline: model.headline }
}

function summarise({ study, headline, ratings }: ReportModel) {
  const { images, ...rest } = study
  return { headline, ...rest, imageCount: images.length, ratings }
}
