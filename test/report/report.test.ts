import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StudyRecord, studyRecord, studyRecordFile } from '../../src/artefact/study-record.ts'
import { ArtefactError } from '../../src/errors/index.ts'
import { html } from '../../src/page/html.ts'
import { formatBytes, formatRuns, formatSeconds, listWords } from '../../src/report/format.ts'
import { writeHeadline } from '../../src/report/headline.ts'
import { buildReport } from '../../src/report/index.ts'
import { writeSampleStudy } from './sample-study.ts'

let folder: string
let study: StudyRecord

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-report-'))
  study = await writeSampleStudy(folder)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('buildReport', () => {
  it('writes the same two files every time, from the folder alone', async () => {
    const first = await buildReport(folder)
    const page = await readFile(first.html, 'utf8')
    await buildReport(folder)
    expect(await readFile(first.html, 'utf8')).toBe(page)
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const summary = JSON.parse(await readFile(first.json, 'utf8'))
    expect(summary.headline).toEqual(first.headline)
    expect(summary.metrics).toEqual(study.metrics)
    expect(summary.imageCount).toBe(124)
  })

  it('loads nothing from elsewhere', async () => {
    const page = await readFile((await buildReport(folder)).html, 'utf8')
    const sources = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map((match) => match[1] as string)
    expect(sources.every((source) => source.startsWith('data:'))).toBe(true)
    expect(page).not.toMatch(/@import|url\(/)
  })

  it('refuses a folder without a study, and a broken record, with typed errors', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'phalanx-report-'))
    await expect(buildReport(empty)).rejects.toThrow(ArtefactError)
    await writeFile(join(empty, studyRecordFile), JSON.stringify({ ...study, version: 9 }))
    await expect(buildReport(empty)).rejects.toMatchObject({ code: 'study-record-invalid' })
    await writeFile(join(empty, studyRecordFile), JSON.stringify(study))
    await expect(buildReport(empty)).rejects.toMatchObject({ code: 'study-file-missing' })
    await rm(empty, { recursive: true })
  })

  it('the sample follows the schema', () => {
    expect(studyRecord.parse(study)).toEqual(study)
  })
})

describe('writeHeadline', () => {
  it('names the arm that clearly helped and does not oversell the others', () => {
    const { asked, found } = writeHeadline(study)
    expect(asked).toMatch(
      /^Does negative prompt, LoRA or textual inversion raise the share of hands .* two prompts × eight seeds\?$/,
    )
    expect(plain(found)).toBe(
      'LoRA raised it from 31 % to 81 % (+50 points, 95 % interval +25 to +69, p = 0.01); for negative prompt and textual inversion the changes could be chance.',
    )
  })

  it('says so when no difference was shown', () => {
    const found = plain(writeHeadline(withDifference({ value: 0.19, low: -0.1, high: 0.5, adjustedP: 0.3 })).found)
    expect(found).toMatch(
      /^No difference was shown: .* could be chance \(every interval includes zero\); the best guess, /,
    )
  })

  it('says so when an arm made it worse', () => {
    const found = plain(writeHeadline(withDifference({ value: -0.2, low: -0.3, high: -0.1, adjustedP: 0.01 })).found)
    expect(found).toContain('lowered it – for the worse –')
  })

  it('does not call clear what only one of test and interval supports', () => {
    const found = writeHeadline(withDifference({ value: 0.2, low: 0.01, high: 0.4, adjustedP: 0.09 })).found
    expect(found).toMatch(/^No difference was shown/)
    expect(found).not.toContain('includes zero')
  })

  it('copes with no metric and with nothing measurable', () => {
    expect(writeHeadline({ ...study, metrics: [] }).found).toMatch(/Nothing was measured/)
    const rows = study.metrics[0]?.rows.map((row) => ({
      ...row,
      estimate: null,
      difference: null,
      reason: 'no classifier',
    }))
    const metrics = study.metrics.slice(0, 1).map((metric) => ({ ...metric, rows: rows ?? [] }))
    expect(writeHeadline({ ...study, metrics }).found).toContain('no classifier')
  })
})

describe('html', () => {
  it('lets no value open a tag or leave an attribute', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const markup = html`<p title="${text}">${[text, html`<i>${text}</i>`]}</p>`.text
        expect(markup.match(/</g)).toHaveLength(4)
        expect(markup.match(/"/g)).toHaveLength(2)
      }),
    )
  })
})

describe('format', () => {
  it('writes sizes, times, runs and lists', () => {
    expect([999, 1204, 1_840_332, 25e6].map(formatBytes)).toEqual(['999 B', '1.2 kB', '1.8 MB', '25 MB'])
    expect([0.42, 9.96, 38.4, 250, 7500].map(formatSeconds)).toEqual([
      '0.42 s',
      '10.0 s',
      '38 s',
      '4 min 10 s',
      '2 h 05 min',
    ])
    expect(formatRuns([1, 2, 3, 7, 9, 10])).toBe('1–3, 7, 9–10')
    expect(listWords(['a', 'b', 'c'], 'or')).toBe('a, b or c')
  })
})

function withDifference(change: { value: number; low: number; high: number; adjustedP: number }): StudyRecord {
  const metrics = study.metrics.slice(0, 1).map((metric) => ({
    ...metric,
    rows: metric.rows.map((row) => ({ ...row, difference: row.difference && { ...row.difference, ...change } })),
  }))
  return { ...study, metrics }
}

function plain(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}
