/** Fills a ledger with 100,000 candidates that are fetched, and prints what reading it takes, by the clock and in processor time. */
import { join } from 'node:path'
import { DatabaseSync } from '@photostructure/sqlite'
import { measure } from '../../src/curation/inspect-image.ts'
import { findDuplicates } from '../../src/curation/near-duplicates.ts'
import { openLedger } from '../../src/ledger/index.ts'
import { RandomStream } from '../../src/util/random.ts'
import type { Row } from './table.ts'

const [folder = ''] = process.argv.slice(2)
const [searches, perSearch] = [100, 1000]
const count = searches * perSearch
const rows: Row[] = []

await time('searches recorded', '', async () => {
  await using ledger = await openLedger(folder)
  for (let i = 0; i < searches; i++) {
    const hits = Array.from({ length: perSearch }, (_, k) => ({
      ...{
        rank: k + 1,
        url: `https://host${k % 50}.example/${i}/${k}.jpg`,
        licence: 'cc by 4.0',
        creator: `Creator ${k}`,
      },
      ...{ caption: `A photograph of a hand, number ${k} of ${i}`, captionSource: 'alt' as const },
    }))
    ledger.recordSearch({ source: 'list', query: `query ${i}` }, hits)
  }
})
fill(join(folder, 'ledger.sqlite'))
const heapBefore = process.memoryUsage().rss
await using ledger = await openLedger(folder)
await time('counts', '< 1 s', () => ledger.counts())
await time('a page of 1,000 kept', '< 1 s', () => ledger.kept(1000, count / 2))
await time('images not measured', '< 1 s', () => ledger.scores.unmeasured(measure, 500))
await time('suspected', '< 1 s', () => ledger.scores.counts({ watermark: 0.5, clipArt: 0.5, littleDetail: 0.5 }))
await time('all rows of a review', '', () => ledger.review.rows())
let prints: ReturnType<typeof ledger.fingerprints> = []
await time('all fingerprints', '', () => {
  prints = ledger.fingerprints()
})
await time('near-duplicates among their hashes', 'seconds', () => findDuplicates(prints, 6))
const peak = process.resourceUsage().maxRSS / 1024
rows.push(rowOf('peak memory', `${peak.toFixed(0)} MB, ${(heapBefore / 2 ** 20).toFixed(0)} MB before`, ''))
process.stdout.write(JSON.stringify(rows))

async function time(what: string, aim: string, work: () => unknown): Promise<void> {
  const [start, used] = [performance.now(), process.cpuUsage()]
  await work()
  const { user, system } = process.cpuUsage(used)
  const [clock, processor] = [(performance.now() - start) / 1000, (user + system) / 1e6]
  rows.push(rowOf(what, `${clock.toFixed(2)} s, ${processor.toFixed(2)} s`, aim))
}

function rowOf(what: string, ours: string, aim: string): Row {
  return { what: `${count} candidates: ${what}`, ours, peer: '', ratio: '', aim }
}

/** As 100,000 fetches would leave it, in one transaction in the place of as many. */
function fill(path: string): void {
  const random = new RandomStream('bench-ledger')
  const hash = (): string =>
    [random.uint32(), random.uint32()].map((half) => half.toString(16).padStart(8, '0')).join('')
  const database = new DatabaseSync(path)
  database.exec('begin')
  const image = database.prepare('insert into image values (?, ?, ?, ?, ?, ?, ?)')
  const score = database.prepare('insert into score values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  const fetched = database.prepare(`update candidate set state = 'fetched', blob = ? where id = ?`)
  for (let id = 1; id <= count; id++) {
    const blob = random.uint32().toString(16).padStart(8, '0').repeat(7) + id.toString(16).padStart(8, '0')
    image.run(blob, 'jpeg', 200_000, 1024, 768, hash(), hash())
    score.run(blob, measure, 12, 7, 0.1, 700, 0, 0.1, 0.03, random.unit(), random.unit(), random.unit())
    fetched.run(blob, id)
  }
  database.exec('commit')
  database.close()
}
