import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRating } from '../../src/artefact/rating-record.ts'
import type { StudyImage, StudyRecord } from '../../src/artefact/study-record.ts'
import { closeRating } from '../../src/rating/index.ts'
import { lockRating } from '../../src/rating/open-rating.ts'
import { openRatingPlace } from '../../src/rating/rating-folder.ts'
import { RatingSession } from '../../src/rating/rating-session.ts'
import { buildReport } from '../../src/report/index.ts'
import { writeSampleStudy } from '../report/sample-study.ts'
import { careful, type Judge, mistakes, rateStudy } from './made-up-raters.ts'

let folder: string
let study: string
let record: StudyRecord

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-rating-results-'))
  study = join(folder, 'study')
  record = await writeSampleStudy(study)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('closing a rating of pairs', () => {
  it('finds what careful raters prefer, leaves out who sees nothing, and joins votes with measures', async () => {
    await rateStudy(
      study,
      'main',
      { count: 1000, repeats: 0.1, catches: 0.1 },
      { ann: careful, ben: careful, zed: () => 'left' },
    )
    expect(await readRating(join(`${study}.ratings`, 'main'))).toBeNull()
    const result = await closeRating(study, 'main')
    expect(await readRating(join(`${study}.ratings`, 'main'))).toEqual(result)

    // Of 180 pairs, those of hands with as many fingers are one picture, and so are all apples.
    expect([result.items, result.identicalPairs]).toEqual([61, 119])
    expect(result.raters.map(({ counted }) => counted)).toEqual([true, true, false])
    expect(result.raters[0]).toMatchObject({
      votes: 73,
      catches: { right: 6, shown: 6 },
      repeats: { same: 6, shown: 6 },
      hasty: 50,
    })
    expect(result.raters[2]?.left?.value).toBe(1)
    expect(result.raters[2]?.catches.right).toBeLessThan(5)
    const { left } = result.raters[0] as (typeof result.raters)[number]
    expect(left?.low).toBeLessThan(0.5)
    expect(left?.high).toBeGreaterThan(0.5)

    const tally = result.comparisons.reduce(
      (sum, each) => sum + each.firstChosen + each.secondChosen + each.ties + each.bothBad,
      0,
    )
    expect(tally).toBe(122)
    expect(Object.fromEntries(result.metric.rows.map(({ arm, count }) => [arm, count]))).toMatchObject({
      LoRA: expect.any(Number),
    })
    const lora = result.metric.rows.find(({ arm }) => arm === 'LoRA')
    expect(lora?.estimate?.value).toBe(Math.max(...result.metric.rows.map(({ estimate }) => estimate?.value ?? 0)))
    expect(lora?.difference?.low).toBeGreaterThan(0)
    expect(lora?.difference?.adjustedP).toBeGreaterThanOrEqual(lora?.difference?.p as number)
    expect(result.metric.rows.find(({ arm }) => arm === 'baseline')?.difference).toBeNull()

    expect(result.agreement).toMatchObject({ value: 1 })
    const [fingers] = result.measures
    expect(fingers).toMatchObject({ label: 'right number of fingers', estimate: { value: 1 } })

    const table = (await readFile(join(`${study}.ratings`, 'main', 'votes.csv'), 'utf8')).trimEnd().split('\r\n')
    expect(table).toHaveLength(1 + 3 * 73)
    expect(table[0]).toBe('rater,counted,kind,prompt,seed,left,right,broken,vote,milliseconds,left file,right file')
    expect(table.filter((line) => line.startsWith('3,false'))).toHaveLength(73)
  })

  it('is shown in the report, beside the measures', async () => {
    const { html, json } = await buildReport(study)
    const page = await readFile(html, 'utf8')
    const section = page.slice(page.indexOf('id="ratings"')).split('</section>')[0] as string
    for (const text of [
      'What people said',
      'How often people choose it',
      'Two raters counted, one left out',
      'Sides with people',
    ]) {
      expect(section).toContain(text)
    }
    expect(section).not.toContain('ann')
    expect(JSON.parse(await readFile(json, 'utf8')).ratings).toMatchObject([{ name: 'main', mode: 'pairs' }])
  })

  it('ends it: no more votes, and it is closed once', async () => {
    await expect(openRatingPlace(study, 'main', {})).rejects.toMatchObject({ code: 'rating-closed' })
    await expect(closeRating(study, 'main')).rejects.toMatchObject({ code: 'rating-closed' })
  })

  it('needs votes, a rating, and nobody who serves it; a broken result says so', async () => {
    await expect(closeRating(study, 'nobody')).rejects.toMatchObject({
      code: 'rating-not-begun',
      facts: { names: ['main'] },
    })
    const place = await openRatingPlace(study, 'empty', {})
    await expect(closeRating(study, 'empty')).rejects.toMatchObject({ code: 'nothing-rated' })
    await using _session = new RatingSession(place, await lockRating(place))
    await expect(closeRating(study, 'empty')).rejects.toMatchObject({ code: 'rating-in-use' })
    await expect(access(join(place.folder, 'rating.json'))).rejects.toThrow('ENOENT')
    await writeFile(join(place.folder, 'rating.json'), '{}')
    await expect(buildReport(study)).rejects.toMatchObject({ code: 'broken-rating' })
    await rm(join(place.folder, 'rating.json'))
  })

  it('says what few votes do not tell instead of making it up', async () => {
    const once: Judge = () => 'left'
    await rateStudy(study, 'few', { count: 1, arms: ['LoRA', 'baseline'], catches: 0, repeats: 0 }, { ann: once })
    const { metric, agreement, agreementReason, measures } = await closeRating(study, 'few')
    expect(metric.rows.map(({ estimate }) => estimate)).toEqual([null, null])
    expect(metric.rows[0]?.reason).toMatch(/2 clusters/)
    expect([agreement, agreementReason]).toEqual([null, 'too few were rated by two raters'])
    for (const { estimate, reason } of measures) {
      // One place that sides with the rater: Wilson's interval of 1 in 1 begins at 0.21.
      if (estimate === null) expect(reason).not.toBeNull()
      else expect(estimate.high - estimate.low).toBeGreaterThan(0.7)
    }
    await expect(buildReport(study)).resolves.toBeDefined()
  })
})

describe('closing a rating of counts', () => {
  it('has the mean of every arm, its paired difference to the baseline, and how well measures part right from wrong', async () => {
    const count: Judge = ([image]) => (image?.expectedFingers === null ? 'unclear' : mistakes(image as StudyImage))
    await rateStudy(study, 'counted', { mode: 'count', count: 10_000, repeats: 0 }, { ann: count, ben: count })
    const { metric, measures, agreement } = await closeRating(study, 'counted')
    for (const { arm, estimate, difference, count: images } of metric.rows) {
      const meanOf = (name: string) => {
        const judged = record.images.filter((image) => image.arm === name && image.expectedFingers !== null)
        return judged.reduce((sum, image) => sum + mistakes(image), 0) / judged.length
      }
      expect(images).toBe(16)
      expect(estimate?.value).toBeCloseTo(meanOf(arm), 12)
      if (arm === 'baseline') expect(difference).toBeNull()
      else expect(difference?.value).toBeCloseTo(meanOf(arm) - meanOf('baseline'), 12)
    }
    expect(measures[0]).toMatchObject({ label: 'right number of fingers', estimate: { value: 1 } })
    expect(measures[1]?.estimate?.value).toBeGreaterThan(0.9)
    expect(agreement?.value).toBe(1)
  })
})
