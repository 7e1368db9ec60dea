import { createHmac, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ArtefactError, ConfigError } from '../errors/index.ts'
import type { FileLock } from '../util/file-lock.ts'
import { orderFor, type Showing } from './rater-order.ts'
import { type RatingPlace, ratingFiles } from './rating-folder.ts'
import { showImage } from './shown-image.ts'
import { type Outcome, VoteLog } from './vote-log.ts'

/** What a rater's page is told: nothing in it says which arm an image is of, or that a showing is a repeat or a catch. */
export interface RaterView {
  readonly rater: string
  readonly mode: 'pairs' | 'count'
  readonly question: string
  /** Votes given so far, and the place of the showing in the rater's order. */
  readonly position: number
  readonly total: number
  /** The study's wording; null when all is rated. */
  readonly prompt: string | null
  /** Names under which the images can be asked for, from left to right; empty when all is rated. */
  readonly images: readonly string[]
  /** Those of the next showings, to load them beforehand. */
  readonly ahead: readonly string[]
  /** True when it is time to rest. */
  readonly rest: boolean
  /** By the median of this rater's times; null before there are any. */
  readonly secondsLeft: number | null
}

interface Rater {
  readonly log: VoteLog
  readonly order: readonly Showing[]
  /** The last change under way, so that one follows the other. */
  last: Promise<unknown>
}

const shownAhead = 3
const raterName = /^[a-z0-9][a-z0-9 .-]{0,39}$/

/** A rating that raters take part in. One process holds it at a time. */
export class RatingSession implements AsyncDisposable {
  readonly place: RatingPlace
  readonly #lock: FileLock
  readonly #raters = new Map<string, Promise<Rater>>()
  readonly #shown = new Map<string, { image: number; broken: boolean }>()
  /** Makes names of images that say nothing, not even that two are one image. */
  readonly #secret = randomBytes(32)

  /** @param lock released when the session is closed */
  constructor(place: RatingPlace, lock: FileLock) {
    this.place = place
    this.#lock = lock
  }

  /** Where a rater stands; a new name begins a new rater. Throws ConfigError (`invalid-rater`). */
  async view(name: string): Promise<RaterView> {
    const rater = await this.#rater(name)
    await rater.last
    return this.#describe(canonicalName(name), rater)
  }

  /**
   * Writes a vote to disk and gives what comes next. Throws ConfigError for an outcome that the mode does not know
   * (`invalid-outcome`), ArtefactError for another place than the next (`vote-out-of-turn`: another tab was faster) and
   * when the disk refuses (`votes-not-written`).
   */
  vote(name: string, vote: { position: number; outcome: Outcome; milliseconds: number }): Promise<RaterView> {
    return this.#change(name, async ({ log, order }) => {
      this.#requireOutcome(vote.outcome)
      requireTurn(vote.position, log.votes.length)
      requireTurn(Math.min(vote.position, order.length - 1), vote.position)
      await log.add(vote)
    })
  }

  /** Takes back the vote before `position` and gives it to be voted on again. Throws as {@link vote}. */
  undo(name: string, position: number): Promise<RaterView> {
    return this.#change(name, async ({ log }) => {
      requireTurn(position, log.votes.length)
      if (position > 0) await log.undo()
    })
  }

  /** Pixels of an image that a view named; null for any other name. Throws ArtefactError (`rated-image-changed`). */
  async image(name: string): Promise<Buffer | null> {
    const shown = this.#shown.get(name)
    const image = shown && this.place.protocol.images[shown.image]
    return image === undefined ? null : showImage(this.place.study, image, shown?.broken ?? false)
  }

  /** Ends the session when all votes are on disk. */
  async close(): Promise<void> {
    for (const rater of this.#raters.values()) {
      const { log, last } = await rater
      await last.catch(() => undefined)
      await log.close()
    }
    this.#raters.clear()
    await this.#lock.release()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #rater(name: string): Promise<Rater> {
    const canonical = canonicalName(name)
    const known = this.#raters.get(canonical)
    if (known !== undefined) return known
    const { folder, protocol, digest } = this.place
    // The file system's own names (con, nul) and upper case cannot clash with these.
    const path = join(folder, ratingFiles.votes, `rater-${canonical.replaceAll(' ', '_')}.jsonl`)
    const opened = VoteLog.open(path, canonical, digest).then((log): Rater => {
      return { log, order: orderFor(canonical, protocol), last: Promise.resolve() }
    })
    opened.catch(() => this.#raters.delete(canonical))
    this.#raters.set(canonical, opened)
    return opened
  }

  async #change(name: string, action: (rater: Rater) => Promise<void>): Promise<RaterView> {
    const rater = await this.#rater(name)
    const change = rater.last.catch(() => undefined).then(() => action(rater))
    rater.last = change.catch(() => undefined)
    await change
    return this.#describe(canonicalName(name), rater)
  }

  #describe(rater: string, { log, order }: Rater): RaterView {
    const { settings, prompts, images } = this.place.protocol
    const position = log.votes.length
    const showing = order[position]
    const first = showing === undefined ? undefined : images[showing.sides[0] as number]
    return {
      rater,
      mode: settings.mode,
      question: settings.question,
      position,
      total: order.length,
      prompt: first === undefined ? null : (prompts[first.prompt] ?? ''),
      images: this.#nameImages(rater, position, showing),
      ahead: order
        .slice(position + 1, position + 1 + shownAhead)
        .flatMap((next, i) => this.#nameImages(rater, position + 1 + i, next)),
      rest: position > 0 && position < order.length && position % settings.restAfter === 0,
      secondsLeft: position === 0 ? null : Math.round((medianTime(log) * (order.length - position)) / 1000),
    }
  }

  #nameImages(rater: string, position: number, showing: Showing | undefined): string[] {
    return (showing?.sides ?? []).map((image, side) => {
      const name = createHmac('sha256', this.#secret).update(`${position}/${side}/${rater}`).digest('hex')
      this.#shown.set(name, { image, broken: showing?.broken === (side === 0 ? 'left' : 'right') })
      return name
    })
  }

  #requireOutcome(given: Outcome): void {
    const { mode } = this.place.protocol.settings
    const counted = typeof given === 'number' || given === 'unclear'
    if (counted === (mode === 'count')) return
    throw new ConfigError({
      code: 'invalid-outcome',
      message: mode === 'count' ? 'Vote with 0 to 9 or unclear.' : 'Vote with left, right, tie or both-bad.',
      facts: { outcome: given, mode },
    })
  }
}

/** One person, one name, however it is typed. Throws ConfigError (`invalid-rater`). */
function canonicalName(name: string): string {
  const canonical = name.trim().replaceAll(/\s+/g, ' ').toLowerCase()
  if (raterName.test(canonical)) return canonical
  throw new ConfigError({
    code: 'invalid-rater',
    message: 'A name has up to 40 letters a to z, digits, spaces, dots and hyphens, and begins with a letter or digit.',
    facts: { name },
  })
}

function requireTurn(position: number, expected: number): void {
  if (position === expected) return
  throw new ArtefactError({
    code: 'vote-out-of-turn',
    message: 'This was voted on already, perhaps in another tab. The page goes on from there.',
    facts: { position, expected },
  })
}

function medianTime({ votes }: VoteLog): number {
  const times = votes.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  return times[Math.floor(times.length / 2)] ?? 0
}
