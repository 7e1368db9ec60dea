import { stat } from 'node:fs/promises'
import { resolve as absolute, basename, join } from 'node:path'
import { openBlobStore } from '../curation/blob-store.ts'
import { ConfigError, DatasetError } from '../errors/index.ts'
import { openLedger, type ReviewState } from '../ledger/index.ts'
import { openLocalServer, requireAddress } from '../page/local-server.ts'
import { PictureStore } from './picture-store.ts'
import { ReviewSession } from './review-session.ts'
import { reviewRoutes } from './routes.ts'

export interface OpenReviewOptions {
  /** Name that the page suggests to who opens it. */
  readonly reviewer?: string | undefined
  /** Address of this machine to serve on; `127.0.0.1` by default, which is seen from this machine alone. */
  readonly host?: string | undefined
  /** A free one by default. */
  readonly port?: number | undefined
}

/** A set that is served to people who review it. */
export interface OpenReview extends AsyncDisposable {
  readonly folder: string
  /** For reviewers. */
  readonly link: string
  /** Candidates with a picture by what they count as. */
  counts(): Readonly<Record<ReviewState, number>>
  /** Ends the review; every decision is on the disk already. */
  close(): Promise<void>
}

/**
 * Serves a page on which people look through what a set has fetched and decide what stays, until it is closed.
 * {@link freezeSet} heeds what they decided. Nothing else may work on the set meanwhile.
 *
 * Throws ConfigError (`invalid-reviewer`, `invalid-host`, `cannot-listen`) and DatasetError (`not-a-set`,
 * `nothing-to-review`, `ledger-in-use` while a curation or another review has the set, `disk-full`, `ledger-failed`).
 */
export async function openReview(set: string, options: OpenReviewOptions = {}): Promise<OpenReview> {
  const { host = '127.0.0.1', port = 0 } = options
  const folder = absolute(set)
  const reviewer = options.reviewer === undefined ? null : requireName(options.reviewer)
  requireAddress(host)
  if ((await stat(join(folder, 'ledger.sqlite')).catch(() => null)) === null) throw notASet(folder)
  const ledger = await openLedger(folder)
  try {
    const { waiting } = ledger.counts().states
    const session = new ReviewSession(ledger)
    if (session.isEmpty) throw nothingToReview(folder, waiting)
    const blobs = await openBlobStore(join(folder, 'blobs'))
    const pictures = new PictureStore(blobs, join(folder, 'thumbnails'))
    const routes = reviewRoutes({ session, pictures, title: basename(folder), reviewer })
    const server = await openLocalServer({ routes, host, port })
    const close = async (): Promise<void> => {
      await server.close()
      await ledger.close()
    }
    return { folder, link: server.link, counts: () => ledger.review.counts(), close, [Symbol.asyncDispose]: close }
  } catch (error) {
    await ledger.close()
    throw error
  }
}

function requireName(given: string): string {
  const name = given.trim()
  if (name.length > 0 && name.length <= 60) return name
  throw new ConfigError({
    code: 'invalid-reviewer',
    message: 'The name of a reviewer has 1 to 60 characters.',
    facts: { reviewer: given },
  })
}

function notASet(folder: string): DatasetError {
  return new DatasetError({
    code: 'not-a-set',
    message: `${folder} holds no set in the making: there is no ledger.sqlite in it. Name the folder that phalanx curate works in.`,
    facts: { folder },
  })
}

function nothingToReview(folder: string, waiting: number): DatasetError {
  return new DatasetError({
    code: 'nothing-to-review',
    message: `${folder} has no picture to look at yet (${waiting} are still to be fetched). Run phalanx curate first.`,
    facts: { folder, waiting },
  })
}
