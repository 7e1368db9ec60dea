import type { z } from 'zod'
import { shownAddress } from '../curation/manifest.ts'
import { DatasetError } from '../errors/index.ts'
import type { decision, Ledger, LoggedDecision, ReviewEntry, ReviewRow, ReviewState } from '../ledger/index.ts'
import { type Suspicion, type SuspicionKind, suspicionRules } from '../quality/index.ts'
import { type Alike, AlikeFinder } from './alike.ts'
import { Leases, type Viewer } from './leases.ts'
import { secondsLeft } from './time-left.ts'

/** A candidate in the list of a page. */
export interface ListedRow
  extends Pick<ReviewRow, 'id' | 'state' | 'revision' | 'source' | 'query' | 'width' | 'height' | 'blob'> {
  /** The largest suspicion, 0 to 1; null for an image that was not measured yet. */
  readonly suspicion: number | null
  /** Kinds of which it is suspected enough to count as one. */
  readonly suspected: readonly SuspicionKind[]
}

/** What became otherwise since a page last asked. */
export interface ReviewChanges {
  /** Number of the last line of the log. */
  readonly last: number
  readonly rows: readonly ListedRow[]
  /** What is before others. */
  readonly others: readonly { readonly candidate: number; readonly reviewer: string }[]
  /** Time that the person needs for what is left; null when nobody can tell yet. */
  readonly secondsLeft: number | null
}

/** A picture beside the one that is looked at. */
export interface ShownAlike extends Alike {
  readonly blob: string
  readonly state: ReviewState
  readonly width: number
  readonly height: number
  /** In bytes. */
  readonly size: number
  /** Gave way to the one that is looked at. */
  readonly gaveWay: boolean
}

/** All that a page shows of a candidate. */
export interface ReviewView {
  readonly entry: Omit<ReviewEntry, 'attempts' | 'rank'>
  readonly alike: readonly ShownAlike[]
  /** What was decided on it, the newest first. */
  readonly lines: readonly LoggedDecision[]
  /** Who else has it before them. */
  readonly heldBy: string | null
}

const shownLines = 6
const linesForPace = 60

/**
 * A set that people review: who looks at what, and what they decide. All of it is in the ledger before a call returns,
 * save for who looks at what, which nobody needs once this process has ended.
 */
export class ReviewSession {
  readonly #ledger: Ledger
  readonly #leases = new Leases()
  readonly #alike: AlikeFinder
  readonly #blobs: ReadonlySet<string>
  readonly #now: () => number

  /** @param now milliseconds since 1970 */
  constructor(ledger: Ledger, now: () => number = Date.now) {
    const rows = ledger.review.rows()
    this.#ledger = ledger
    this.#now = now
    this.#alike = new AlikeFinder(rows)
    this.#blobs = new Set(rows.map(({ blob }) => blob))
  }

  get isEmpty(): boolean {
    return this.#blobs.size === 0
  }

  /** Whether a file belongs to the review. */
  has(blob: string): boolean {
    return this.#blobs.has(blob)
  }

  /** What changed after a line of the log, everything after 0. Keeps what the tab looks at from others. */
  changes(viewer: Viewer, after: number, looking: number | null): ReviewChanges {
    if (looking === null) this.#leases.release(viewer.tab)
    else this.#leases.take(looking, viewer, this.#now())
    return this.#changesFor(viewer, after)
  }

  /** Has the tab look at the first of some candidates on which nobody decided and that nobody looks at; null without one. */
  take(viewer: Viewer, wanted: readonly number[]): ReviewView | null {
    const { review } = this.#ledger
    for (const id of wanted) {
      if (this.#leases.holder(id, viewer.tab, this.#now()) !== null) continue
      if (review.entry(id).state === 'unreviewed') return this.look(viewer, id)
    }
    return null
  }

  /** Has the tab look at a candidate, whatever was decided on it. Throws DatasetError (`unknown-candidate`). */
  look(viewer: Viewer, id: number): ReviewView {
    const entry = this.#ledger.review.entry(id)
    const heldBy = this.#leases.holder(id, viewer.tab, this.#now())
    this.#leases.take(id, viewer, this.#now())
    const { attempts: _, rank: __, ...shown } = entry
    return {
      entry: { ...shown, url: shownAddress(entry.url) },
      alike: this.#alikeOf(entry),
      lines: this.#ledger.review.lines({ candidate: id, limit: shownLines }),
      heldBy,
    }
  }

  /**
   * Decides on a candidate as the person of the tab. `seen`: the revision that it looked at. Throws what
   * {@link ReviewLog.decide} throws, and DatasetError (`held-by-other`) while somebody else looks at it.
   */
  decide(viewer: Viewer, made: Verdict, seen: number, after: number): ReviewChanges {
    const holder = this.#leases.holder(made.candidate, viewer.tab, this.#now())
    if (holder !== null && holder !== viewer.reviewer) throw heldByOther(made.candidate, holder)
    this.#ledger.review.decide({ ...made, reviewer: viewer.reviewer }, seen, this.#now())
    return this.#changesFor(viewer, after)
  }

  /** Takes back the person's last decision; `undone` is what it was, null when there is none. */
  undo(viewer: Viewer, after: number): ReviewChanges & { readonly undone: LoggedDecision | null } {
    const undone = this.#ledger.review.undo(viewer.reviewer, this.#now())
    return { undone, ...this.#changesFor(viewer, after) }
  }

  /** The tab looks at nothing any more. */
  release({ tab }: Pick<Viewer, 'tab'>): void {
    this.#leases.release(tab)
  }

  #changesFor({ tab, reviewer }: Viewer, after: number): ReviewChanges {
    const { review } = this.#ledger
    return {
      last: review.last(),
      rows: after > 0 && after === review.last() ? [] : review.rows(after).map(listed),
      others: this.#leases.others(tab, this.#now()),
      secondsLeft: secondsLeft(review.lines({ name: reviewer, limit: linesForPace }), review.counts().unreviewed),
    }
  }

  #alikeOf({ id, duplicateOf }: ReviewEntry): ShownAlike[] {
    return this.#alike.find(id, duplicateOf === null ? [] : [duplicateOf]).map((alike) => {
      const { blob, state, image, duplicateOf: of } = this.#ledger.review.entry(alike.id)
      return { ...alike, blob, state, width: image.width, height: image.height, size: image.size, gaveWay: of === id }
    })
  }
}

type WithoutReviewer<Made> = Made extends unknown ? Omit<Made, 'reviewer'> : never
/** A decision by whoever is before the tab. */
export type Verdict = WithoutReviewer<z.input<typeof decision>>

function listed({ hash: _, mirroredHash: __, watermark, clipArt, littleDetail, ...row }: ReviewRow): ListedRow {
  if (watermark === null || clipArt === null || littleDetail === null) return { ...row, suspicion: null, suspected: [] }
  const suspicions: Suspicion = { watermark, clipArt, littleDetail }
  const kinds = Object.keys(suspicions) as SuspicionKind[]
  const suspected = kinds.filter((kind) => suspicions[kind] >= suspicionRules[kind].threshold)
  return { ...row, suspicion: Math.max(watermark, clipArt, littleDetail), suspected }
}

function heldByOther(candidate: number, holder: string): DatasetError {
  return new DatasetError({
    code: 'held-by-other',
    message: `${holder} is looking at this picture. Go on with another one.`,
    facts: { candidate, holder },
  })
}
