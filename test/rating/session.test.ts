import { access, appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StudyRecord } from '../../src/artefact/study-record.ts'
import { lockRating, openRating } from '../../src/rating/open-rating.ts'
import { openRatingPlace } from '../../src/rating/rating-folder.ts'
import { RatingSession } from '../../src/rating/rating-session.ts'
import { readLog, VoteLog } from '../../src/rating/vote-log.ts'
import { writeSampleStudy } from '../report/sample-study.ts'

let folder: string
let study: string
let record: StudyRecord

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-rating-session-'))
  study = join(folder, 'study')
  record = await writeSampleStudy(study)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

async function begin(name: string, settings: object): Promise<RatingSession> {
  const place = await openRatingPlace(study, name, settings)
  return new RatingSession(place, await lockRating(place))
}

describe('a rating', () => {
  it('tells a rater nothing of arms, files, repeats or catch pairs, and shows pixels alone', async () => {
    const named = record.images[0] as (typeof record.images)[number]
    const path = join(study, named.file)
    const before = await readFile(path)
    await writeFile(
      path,
      await sharp(before)
        .withExif({ IFD0: { Copyright: 'arm LoRA' } })
        .png()
        .toBuffer(),
    )
    try {
      await using session = await begin('blind', { count: 30, repeats: 0.5, catches: 0.5 })
      const said: string[] = []
      const pictures = new Set<string>()
      for (let view = await session.view('Ann'); view.prompt !== null; ) {
        said.push(JSON.stringify(view))
        for (const image of view.images) {
          const pixels = (await session.image(image)) as Buffer
          pictures.add(image)
          expect(Object.keys(await sharp(pixels).metadata())).not.toContain('exif')
          expect(pixels.toString('latin1')).not.toMatch(/tEXt|iTXt|zTXt|eXIf|tIME/)
        }
        view = await session.vote('Ann', { position: view.position, outcome: 'tie', milliseconds: 900 })
      }
      expect(said).toHaveLength(60)
      // Not one name twice, also where an image is shown again.
      expect(pictures.size).toBe(120)
      expect(said.join()).not.toMatch(/repeat|catch|broken|baseline|LoRA|negative prompt|inversion|png|sha256/)
      expect(await session.image('0'.repeat(64))).toBeNull()
    } finally {
      await writeFile(path, before)
    }
  })

  it('shows the broken side of a catch pair in pieces, with the same colours', async () => {
    await using session = await begin('catches', { count: 20, repeats: 0, catches: 0.5 })
    const log = await session.view('ann')
    const seen: number[] = []
    for (let view = log; view.prompt !== null; ) {
      const [left, right] = await Promise.all(
        view.images.map(async (name) =>
          sharp((await session.image(name)) as Buffer)
            .removeAlpha()
            .raw()
            .toBuffer(),
        ),
      )
      if (
        Buffer.from(left as Buffer)
          .sort()
          .equals(Buffer.from(right as Buffer).sort())
      ) {
        expect(left?.equals(right as Buffer)).toBe(false)
        seen.push(view.position)
      }
      view = await session.vote('ann', { position: view.position, outcome: 'left', milliseconds: 500 })
    }
    expect(seen).toHaveLength(10)
  })

  it('takes one vote a pair from one rater, whatever tabs do, and several raters at a time', async () => {
    await using session = await begin('turns', { count: 4 })
    const vote = { position: 0, outcome: 'left', milliseconds: 400 } as const
    const twice = await Promise.allSettled([
      session.vote('ann', vote),
      session.vote('Ann ', vote),
      session.vote('ben', vote),
    ])
    expect(twice.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(twice[1]).toMatchObject({ reason: { code: 'vote-out-of-turn' } })
    expect((await session.view('ann')).position).toBe(1)
    await expect(session.vote('ann', { ...vote, position: 3 })).rejects.toMatchObject({ code: 'vote-out-of-turn' })
    await expect(session.vote('ann', { ...vote, position: 1, outcome: 3 })).rejects.toMatchObject({
      code: 'invalid-outcome',
    })
    await expect(session.undo('ann', 0)).rejects.toMatchObject({ code: 'vote-out-of-turn' })
    expect((await session.undo('ann', 1)).position).toBe(0)
    expect((await session.undo('ann', 0)).position).toBe(0)
    for (let position = 0; position < 4; position++) await session.vote('ann', { ...vote, position })
    expect((await session.view('ann')).images).toEqual([])
    await expect(session.vote('ann', { ...vote, position: 4 })).rejects.toMatchObject({ code: 'vote-out-of-turn' })
    for (const name of ['', '..', '../x', 'a/b', 'ä', 'x'.repeat(41)]) {
      await expect(async () => session.view(name)).rejects.toMatchObject({ code: 'invalid-rater' })
    }
  })

  it('is held by one process, keeps its settings, and is resumed without naming them', async () => {
    const session = await begin('kept', { count: 5, seed: 3 })
    await expect(begin('kept', {})).rejects.toMatchObject({ code: 'rating-in-use' })
    await session.vote('ann', { position: 0, outcome: 'tie', milliseconds: 800 })
    await session.close()
    await expect(openRatingPlace(study, 'kept', { count: 6 })).rejects.toMatchObject({ code: 'rating-began-otherwise' })
    await expect(openRatingPlace(study, 'other', { cuont: 6 } as object)).rejects.toThrow(/count/)
    const served = { study, settings: {}, host: '127.0.0.1', port: 0 }
    await expect(openRating({ ...served, name: '../x' })).rejects.toMatchObject({ code: 'invalid-rating-name' })
    await expect(openRating({ ...served, name: 'new', host: '::' })).rejects.toMatchObject({ code: 'invalid-host' })
    await expect(access(join(`${study}.ratings`, 'new'))).rejects.toThrow('ENOENT')
    await using again = await begin('kept', {})
    expect(await again.view('ann')).toMatchObject({ position: 1, total: 5 })
  })

  it('refuses images that changed since it began, and a study that names files outside of its folder', async () => {
    await begin('changed', {}).then((session) => session.close())
    const path = join(study, record.images[3]?.file as string)
    const before = await readFile(path)
    await writeFile(path, await readFile(join(study, record.images[4]?.file as string)))
    await expect(openRatingPlace(study, 'changed', {})).rejects.toMatchObject({ code: 'rated-image-changed' })
    await rm(path)
    await expect(openRatingPlace(study, 'changed', {})).rejects.toMatchObject({ code: 'rated-image-changed' })
    await writeFile(path, before)
    const hostile = { ...record, images: [{ ...record.images[0], file: '../secret.png' }] }
    const elsewhere = join(folder, 'hostile')
    await writeSampleStudy(elsewhere)
    await writeFile(join(elsewhere, 'study.json'), JSON.stringify(hostile))
    await expect(openRatingPlace(elsewhere, 'main', {})).rejects.toMatchObject({ code: 'study-file-outside' })
    await expect(openRatingPlace(join(folder, 'nothing'), 'main', {})).rejects.toMatchObject({
      code: 'study-file-missing',
    })
  })
})

describe('the votes on disk', () => {
  const given = { outcome: 'left', milliseconds: 700 } as const

  it('lose at most the line that was being written, at whatever byte it stopped', async () => {
    const path = join(folder, 'torn.jsonl')
    const log = await VoteLog.open(path, 'ann', 'p')
    await log.add({ position: 0, ...given })
    const whole = await readFile(path)
    await log.add({ position: 1, ...given })
    await log.close()
    const longer = await readFile(path)
    for (let bytes = whole.length; bytes < longer.length; bytes++) {
      await writeFile(path, longer.subarray(0, bytes))
      const again = await VoteLog.open(path, 'ann', 'p')
      expect(again.votes).toHaveLength(1)
      await again.add({ position: 1, outcome: 'tie', milliseconds: 1 })
      await again.close()
      const { votes } = await readLog(path, 'p')
      expect(votes.map(({ outcome }) => outcome)).toEqual(['left', 'tie'])
    }
  })

  it('heed nothing that an attempt left which was not flushed', async () => {
    const path = join(folder, 'unflushed.jsonl')
    const log = await VoteLog.open(path, 'ann', 'p')
    await appendFile(path, `${JSON.stringify({ type: 'vote', position: 0, ...given, at: 'x'.repeat(500) })}\n`)
    await log.add({ position: 0, outcome: 'tie', milliseconds: 1 })
    await log.close()
    expect((await readLog(path, 'p')).votes.map(({ outcome }) => outcome)).toEqual(['tie'])
  })

  it('do not count a vote that could not be written', async () => {
    const log = await VoteLog.open(join(folder, 'closed.jsonl'), 'ann', 'p')
    await log.close()
    await expect(log.add({ position: 0, ...given })).rejects.toMatchObject({ code: 'votes-not-written' })
    expect(log.votes).toEqual([])
  })

  it.each([
    ['{"type":"vote"}', 'no vote'],
    ['not json', 'no JSON'],
    [JSON.stringify({ type: 'vote', position: 4, ...given, at: '' }), 'a gap'],
    [JSON.stringify({ type: 'undo', at: '' }), 'an undo of nothing'],
    [JSON.stringify({ type: 'rater', name: 'b', protocol: 'p' }), 'another rater'],
  ])('refuse the line %s: %s', async (line) => {
    const path = join(folder, 'broken.jsonl')
    await rm(path, { force: true })
    await (await VoteLog.open(path, 'ann', 'p')).close()
    await expect(VoteLog.open(path, 'ann', 'other')).rejects.toMatchObject({ code: 'broken-votes', facts: { line: 1 } })
    await appendFile(path, `${line}\n`)
    await expect(VoteLog.open(path, 'ann', 'p')).rejects.toMatchObject({ code: 'broken-votes', facts: { line: 2 } })
  })
})
