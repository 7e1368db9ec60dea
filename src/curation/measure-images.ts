import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { DatasetError } from '../errors/index.ts'
import type { Ledger } from '../ledger/index.ts'
import { mapParallel } from '../util/map-parallel.ts'
import type { BlobStore } from './blob-store.ts'
import { inspectImage, measure } from './inspect-image.ts'

/** Images between two looks at the ledger. */
const pageSize = 500

/**
 * Measures the images that were not, or not in the way of today: those of a set that an older version of this package
 * made. Stopped anywhere it goes on from there. Throws DatasetError (`damaged-set`, `disk-full`, `ledger-failed`) or the
 * signal's reason.
 */
export async function measureImages(ledger: Ledger, blobs: BlobStore, signal: AbortSignal): Promise<void> {
  for (let page = ledger.scores.unmeasured(measure, pageSize); page.length > 0; ) {
    await mapParallel(page, availableParallelism(), async (blob) => {
      signal.throwIfAborted()
      const bytes = await readFile(blobs.path(blob)).catch((cause: unknown) => {
        throw damaged(blobs.path(blob), 'unreadable-file', cause)
      })
      const inspected = await inspectImage(bytes, 1)
      if (typeof inspected === 'string') throw damaged(blobs.path(blob), inspected)
      const { image, quality } = inspected
      ledger.scores.remeasure(blob, { hash: image.hash, mirroredHash: image.mirroredHash, quality })
    })
    page = ledger.scores.unmeasured(measure, pageSize, page.at(-1))
  }
}

function damaged(path: string, reason: string, cause?: unknown): DatasetError {
  return new DatasetError({
    code: 'damaged-set',
    message: `${path} cannot be used any more (${reason}). Put it back from a copy of the set, or make the set anew.`,
    facts: { path, reason },
    cause,
  })
}
