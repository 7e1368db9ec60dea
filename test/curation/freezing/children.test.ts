import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { FreezingInput } from '../../../src/config/freezing.ts'
import { freezeSet, type SetManifest } from '../../../src/curation/index.ts'
import { openDataset } from '../../../src/dataset/index.ts'
import { gatherSet } from '../gathered-set.ts'
import { jpeg } from '../local-web-site.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'freezing-test-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const settings: FreezingInput = {
  views: [{ name: 'palms', with: ['palm'] }],
  picks: [
    { name: 'two-palms', strategy: 'diverse', view: 'palms', count: 2 },
    { name: 'chosen', strategy: 'by-hand', images: ['3.jpg', '0.jpg'] },
    { name: 'none', strategy: 'seeded', view: 'palms', count: 4 },
  ],
  splits: { shares: { train: 0.5, held: 0.5 }, fileName: '^(\\d)' },
  captions: { template: '{caption}, {query}', prefix: 'ohwx,' },
}

async function rows(count: number) {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => ({
      ...{ name: `${i}.jpg`, bytes: await jpeg(i), caption: i % 2 === 0 ? `palm ${i}` : `fist ${i}` },
    })),
  )
}

test('views, picks and splits are in the manifest, and each is a dataset with the captions as they are worded', async () => {
  const frozen = await freezeSet(await gatherSet(folder, await rows(6)), settings)
  const manifest = JSON.parse(await readFile(join(frozen.folder, 'manifest.json'), 'utf8')) as SetManifest
  expect(manifest.items[0]).toMatchObject({
    caption: 'ohwx, palm 0, hands',
    plainCaption: 'palm 0',
    captionSource: 'list',
  })
  expect(manifest.views.map(({ name, images }) => [name, images])).toEqual([
    ['photos+drawings', 6],
    ['photos', 6],
    ['palms', 3],
  ])
  expect(manifest.picks.map(({ name, blobs }) => [name, blobs.length])).toEqual([
    ['two-palms', 2],
    ['chosen', 2],
    ['none', 3],
  ])
  expect(manifest.picks[0]?.settings).toMatchObject({ strategy: 'diverse', seed: 0, count: 2 })
  expect(manifest.splits?.parts.map(({ name, images }) => [name, images])).toEqual([
    ['train', 3],
    ['held', 3],
  ])
  const open = (name: string) => openDataset(join(frozen.folder, name), { folder: join(folder, 'datasets') })
  const [palms, pair, chosen, train, held] = await Promise.all(
    ['palms', 'two-palms', 'chosen', 'train', 'held'].map((name) => open(`${name}.jsonl`)),
  )
  expect([palms?.items.length, pair?.items.length]).toEqual([3, 2])
  expect(chosen?.items.map(({ caption }) => caption).toSorted()).toEqual(['ohwx, fist 3, hands', 'ohwx, palm 0, hands'])
  const trained = new Set(train?.items.map(({ sha256 }) => sha256))
  expect([trained.size, held?.items.filter(({ sha256 }) => trained.has(sha256))]).toEqual([3, []])
})

test('a set that changed is a child with its differences, and the same content has the same name on any way to it', async () => {
  const four = await rows(4)
  const set = await gatherSet(folder, four)
  const first = await freezeSet(set)
  expect(first.child).toBe(null)
  const changed = [...(await rows(5)).slice(0, 4).map((row) => ({ ...row })), ...(await rows(5)).slice(4)]
  const second = await freezeSet(await gatherSet(folder, changed), { captions: { prefix: 'ohwx' } })
  expect(second.child?.parent).toBe(first.sha256)
  expect(second.child?.difference).toMatchObject({ added: [{ caption: 'ohwx palm 4' }], removed: [], licences: [] })
  expect(second.child?.difference.captions).toHaveLength(4)
  expect(second.child?.difference.captions[0]).toMatchObject({ from: 'palm 0', to: 'ohwx palm 0' })
  // Back to what was frozen first but for the image that came since.
  const third = await freezeSet(set)
  expect(third.child).toMatchObject({ parent: second.sha256, difference: { added: [], removed: [] } })
  expect(await freezeSet(set)).toEqual(third)
  // Made by another way, without a parent, it has the same name.
  await rm(join(set, 'frozen'), { recursive: true })
  expect(await freezeSet(set)).toMatchObject({ sha256: third.sha256, child: null })
})

test('an image that is gone is told with the reason', async () => {
  const [one, other] = await rows(2)
  if (one === undefined || other === undefined) throw new TypeError('no rows')
  const set = await gatherSet(folder, [{ ...one, licence: 'cc by-nd 4.0' }, other])
  const first = await freezeSet(set, { keepNoDerivatives: true })
  const licensed = await freezeSet(set)
  expect(licensed.child?.difference.removed).toMatchObject([{ url: 'file:0.jpg', reason: 'no-derivatives' }])
  // A larger copy takes the place of the other one.
  const larger = { ...other, name: 'larger.jpg', bytes: await jpeg(1, 96) }
  const second = await freezeSet(await gatherSet(folder, [{ ...one, licence: 'cc by-nd 4.0' }, other, larger]))
  expect(second.child).toMatchObject({
    parent: licensed.sha256,
    difference: { added: [{ url: 'file:larger.jpg' }], removed: [{ url: 'file:1.jpg', reason: 'near-duplicate' }] },
  })
  const history = (await readFile(join(set, 'frozen', 'history.jsonl'), 'utf8')).trim().split('\n')
  expect(history.map((line) => JSON.parse(line).sha256)).toEqual([first.sha256, licensed.sha256, second.sha256])
})

test('a pick that names an image that is not there freezes nothing', async () => {
  const set = await gatherSet(folder, await rows(2))
  const picks = [{ name: 'chosen', strategy: 'by-hand' as const, images: ['9.jpg'] }]
  await expect(freezeSet(set, { picks })).rejects.toMatchObject({ name: 'DatasetError', code: 'unknown-image' })
  await expect(
    freezeSet(set, { captions: { prefix: 'x'.repeat(500), template: `${'y'.repeat(400)}{caption}` } }),
  ).resolves.toBeDefined()
  await expect(stat(join(set, 'frozen', 'chosen.jsonl'))).rejects.toThrow()
})
