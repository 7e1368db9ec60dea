import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCard, type ValidityCard } from '../../src/artefact/validity-card.ts'
import { defectProbability, defineStudy, type Lab, runStudy, sharpness, validateMetrics } from '../../src/index.ts'
import { buildReport } from '../../src/report/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { damage, damages, severities } from '../../src/validation/damage.ts'
import { renderCards } from '../../src/validation/page.ts'

let lab: Lab
let cards: ValidityCard[]
beforeAll(async () => {
  lab = await openTestLab()
  cards = await validateMetrics(lab, { metrics: [sharpness(), defectProbability()], renders: 12 })
})
afterAll(() => lab?.close())

test('sharpness sees blur and no fingers; the classifier sees fingers; both follow what they see', async () => {
  const [edges, defects] = cards as [ValidityCard, ValidityCard]
  const of = (card: ValidityCard, kind: string) => card.findings.find((finding) => finding.kind === kind)!
  // The images are the same on every machine, so these are facts about them with room for other roundings.
  expect(of(edges, 'blur').auc).toBeGreaterThan(0.9)
  expect(of(edges, 'blur').spearman?.correlation).toBeGreaterThan(0.7)
  expect(of(edges, 'missing finger').atChance).toBe(true)
  expect(defects.overall.auc).toBeGreaterThan(0.8)
  expect(of(defects, 'extra finger')).toMatchObject({ source: 'renders', positives: 12, negatives: 12 })
  expect(of(defects, 'missing finger').positives).toBe(24)
  const kinds = ['any wrong anatomy', 'extra finger', 'missing finger', 'wrong gesture', ...damages]
  expect(edges.findings.map(({ kind }) => kind)).toEqual(kinds)
  expect((await readdir(lab.folder)).filter((name) => name.startsWith('validation-'))).toEqual([])
})

test('a study finds the cards of its metrics, and its report greys the one below the threshold', async () => {
  const base = await tinyBase(lab)
  const study = defineStudy({
    name: 'trusted',
    bases: [base.folder],
    arms: { baseline: {} },
    prompts: ['a hand'],
    seeds: 2,
    sampling: { steps: 1 },
    metrics: [defectProbability({ prompts: ['a hand'] }), sharpness()],
  })
  const { folder, record } = await runStudy(lab, study)
  expect(record.metrics.map(({ trust }) => trust?.auc)).toEqual([cards[1]?.overall.auc, cards[0]?.overall.auc])
  const page = await readFile((await buildReport(folder)).html, 'utf8')
  const [first, second] = page.split('<div class="metric').slice(1)
  expect(first).toMatch(/^">/)
  expect(second).toMatch(/^ untrusted">[\s\S]*below 0\.7: do not rank by it/)
  expect(second).toContain(`AUC ${cards[0]?.overall.auc.toFixed(2)}`)
})

test('a card that was changed is told, and the page shows what is at chance', async () => {
  const [card] = cards as [ValidityCard]
  expect(await readCard(lab.folder, card.id)).toEqual(card)
  expect(await readCard(lab.folder, 'none')).toBeNull()
  const path = join(lab.folder, 'validity', 'changed.json')
  await writeFile(path, JSON.stringify({ ...card, findings: 3 }))
  await expect(readCard(lab.folder, 'changed')).rejects.toMatchObject({ code: 'broken-card' })
  const page = renderCards([{ ...card, metric: '<b>' }])
  expect(page).toContain('at chance')
  expect(page).toContain('&lt;b&gt;')
})

test('requests that cannot be are refused before anything is drawn', async () => {
  const nearest = { type: 'nearest-image' as const, against: 'x' }
  await expect(validateMetrics(lab, { metrics: [nearest] })).rejects.toMatchObject({ code: 'metric-not-testable' })
  await expect(validateMetrics(lab, { metrics: [] })).rejects.toMatchObject({ code: 'invalid-settings' })
  await expect(validateMetrics(lab, { metrics: [sharpness()], rendrs: 3 } as never)).rejects.toThrow(/"renders"/)
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(validateMetrics(lab, { metrics: [sharpness()] }, { signal })).rejects.toThrow('enough')
})

test.each(damages)('%s grows with its severity and keeps the size', async (kind) => {
  const raw = { width: 96, height: 64, channels: 3 as const }
  const pixels = Buffer.from(Array.from({ length: 96 * 64 * 3 }, (_, i) => (i * 7 + ((i * i) % 97)) % 256))
  const from = join(lab.folder, 'sound.png')
  await sharp(pixels, { raw }).png().toFile(from)
  const changes = []
  for (const severity of severities) {
    const to = join(lab.folder, `${kind}-${severity}.png`)
    await damage(from, to, kind, severity)
    const { data, info } = await sharp(to).removeAlpha().raw().toBuffer({ resolveWithObject: true })
    expect([info.width, info.height]).toEqual([96, 64])
    changes.push(data.reduce((sum, value, i) => sum + (value - (pixels[i] ?? 0)) ** 2, 0))
  }
  // How far a crop shifts noise says little, but that it changes it does.
  if (kind !== 'crop') expect(changes.toSorted((a, b) => a - b)).toEqual(changes)
  expect(Math.min(...changes)).toBeGreaterThan(0)
})
