import { join } from 'node:path'
import { openBlobStore } from '../../src/curation/blob-store.ts'
import { inspectImage } from '../../src/curation/inspect-image.ts'
import { findDuplicates } from '../../src/curation/near-duplicates.ts'
import { openLedger } from '../../src/ledger/index.ts'

/** A picture of a set that is made for a test. */
export interface SamplePicture {
  readonly bytes: Buffer
  readonly query?: string
  readonly caption?: string
}

/**
 * A set whose pictures were fetched already, as curation leaves it; picture 1 has the id 1 where all have one query.
 * `same` keeps those of the same bytes, for a large set of few files; `scored` orders them by suspicion.
 */
export async function writeSampleSet(
  folder: string,
  pictures: readonly SamplePicture[],
  { same = false, scored = false } = {},
): Promise<void> {
  await using ledger = await openLedger(folder)
  const blobs = await openBlobStore(join(folder, 'blobs'))
  for (const query of new Set(pictures.map((one) => one.query ?? 'hands'))) {
    const hits = pictures.flatMap((one, i) =>
      (one.query ?? 'hands') === query
        ? [{ rank: i + 1, url: `https://example.com/${i}`, caption: one.caption ?? '', captionSource: 'alt' as const }]
        : [],
    )
    ledger.recordSearch({ source: 'list', query }, hits)
  }
  const inspected = new Map<Buffer, Awaited<ReturnType<typeof inspectImage>>>()
  for (const { id, rank } of ledger.due(0, pictures.length)) {
    const { bytes } = pictures[rank - 1] as SamplePicture
    const seen = inspected.get(bytes) ?? (await inspectImage(bytes, 8))
    inspected.set(bytes, seen)
    if (typeof seen === 'string') throw new Error(`picture ${rank}: ${seen}`)
    const { image, quality } = seen
    ledger.recordOutcome(id, {
      ...{ state: 'fetched', blob: await blobs.keep(bytes), image },
      ...(scored && { quality }),
    })
  }
  if (!same) ledger.refuseDuplicates(findDuplicates(ledger.fingerprints(), 6))
}
