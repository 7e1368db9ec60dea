import { readFile, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { CurationSettings } from '../config/curation.ts'
import type { LedgerEntry, Outcome } from '../ledger/index.ts'
import { type AnswerStore, userAgent } from '../sources/index.ts'
import {
  type FetchCall,
  type FetchedFile,
  type FetchFailure,
  fetchFile,
  type Network,
  RobotsFiles,
  refusingTag,
  reservesMining,
} from '../web/index.ts'
import type { BlobStore } from './blob-store.ts'
import { type HostQueues, hostOf } from './hosts.ts'
import { inspectImage } from './inspect-image.ts'
import { PageReader } from './page-reader.ts'
import { altOf } from './source-page.ts'

/** Name of this program in robots.txt and `X-Robots-Tag`. */
const robot = 'phalanx'
const accept = 'image/jpeg,image/png,image/webp;q=0.9,*/*;q=0.1'
const retryFactor = 4
/** No host makes a candidate wait longer. */
const longestPause = 24 * 3600 * 1000

export interface CandidateFetcherOptions {
  readonly settings: CurationSettings
  readonly network: Network
  readonly hosts: HostQueues
  readonly blobs: BlobStore
  /** Where what source pages say is kept. */
  readonly answers: AnswerStore
  readonly signal: AbortSignal
}

/** Captions that the `alt` of an image says better. */
const poorCaptions: readonly LedgerEntry['captionSource'][] = ['none', 'title']

/** Brings one candidate from its address to a file in the store, or to the reason why not. */
export class CandidateFetcher {
  readonly #options: CandidateFetcherOptions
  readonly #call: FetchCall
  readonly #robots: RobotsFiles
  readonly #pages: PageReader

  constructor(options: CandidateFetcherOptions) {
    const { settings, network, signal } = options
    this.#options = options
    const common = {
      network,
      signal,
      userAgent: userAgent(settings.contact),
      deadlineMilliseconds: settings.deadline * 1000,
    }
    this.#robots = new RobotsFiles(common, robot)
    this.#pages = new PageReader({
      ...{ answers: options.answers, robot, call: { ...common, onHop: this.#onHop } },
      turn: (url) => this.#turn(url),
    })
    this.#call = {
      ...common,
      accept,
      largestBytes: settings.largestFile,
      onHeaders: (headers) => {
        if (refusingTag(listOf(headers['x-robots-tag']), robot) !== null) return 'opted-out'
        if (reservesMining(listOf(headers['tdm-reservation']))) return 'opted-out'
        return /^text\//i.test(headers['content-type'] ?? '') ? 'not-an-image' : null
      },
    }
  }

  /**
   * What became of a candidate. Its bytes are in the store before it counts as fetched. Throws DatasetError
   * (`disk-full`, `unwritable-folder`) or the signal's reason.
   */
  async fetch(entry: LedgerEntry): Promise<Outcome> {
    const { settings, blobs } = this.#options
    const file = await (entry.url.startsWith('file:') ? readLocal(entry.url, settings.largestFile) : this.#ask(entry))
    if (file.type === 'failure') return this.#failed(entry, file)
    const inspected = await inspectImage(file.bytes, settings.smallestSide)
    if (typeof inspected === 'string') return { state: 'refused', reason: inspected }
    const { refusal, alt } = await this.#readPage(entry, file.hops)
    if (refusal !== null) return { state: 'refused', reason: 'page-opted-out' }
    return { state: 'fetched', blob: await blobs.keep(file.bytes), ...inspected, ...(alt !== null && { pageAlt: alt }) }
  }

  /** What the page of an image says of it; nothing where there is none, or where it cannot be had. */
  async #readPage(
    entry: LedgerEntry,
    hops: readonly string[],
  ): Promise<{ refusal: string | null; alt: string | null }> {
    const page = entry.page === null || !this.#options.settings.sourcePages ? null : await this.#pages.read(entry.page)
    if (page === null) return { refusal: null, alt: null }
    const isPoor = poorCaptions.includes(entry.captionSource)
    return { refusal: page.refusal, alt: isPoor ? altOf(page, [entry.url, ...hops]) : null }
  }

  #ask(entry: LedgerEntry): Promise<FetchedFile | FetchFailure> {
    return fetchFile(entry.url, { ...this.#call, onHop: this.#onHop })
  }

  /** Asks robots.txt of each address, and has the redirects wait; the first address had its turn before. */
  readonly #onHop: NonNullable<FetchCall['onHop']> = async (url, hop) => {
    const verdict = await this.#robots.verdict(url)
    if (verdict.type === 'refused') return verdict
    this.#options.hosts.pace(url.host).slow(verdict.delayMilliseconds)
    if (hop > 0) await this.#turn(url)
    return null
  }

  async #turn({ host }: URL): Promise<void> {
    const { hosts, signal } = this.#options
    const milliseconds = hosts.pace(host).take(performance.now())
    await wait(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
  }

  #failed({ attempts, url }: LedgerEntry, { reason, temporary, wait: asked, hops }: FetchFailure): Outcome {
    const { settings, hosts } = this.#options
    if (asked !== null) hosts.pace(hostOf(hops.at(-1) ?? url)).hold(performance.now() + Math.min(asked, longestPause))
    if (!temporary || attempts + 1 >= settings.attempts) return { state: 'refused', reason }
    const pause = settings.retryPause * 1000 * retryFactor ** attempts
    return {
      state: 'waiting',
      reason,
      nextTry: Math.ceil(Date.now() + Math.min(Math.max(pause, asked ?? 0), longestPause)),
    }
  }
}

async function readLocal(address: string, largestBytes: number): Promise<FetchedFile | FetchFailure> {
  const failure = (reason: string): FetchFailure => ({
    ...{ type: 'failure', reason, temporary: false, wait: null, hops: [address] },
  })
  try {
    const path = fileURLToPath(address)
    const { size } = await stat(path)
    if (size > largestBytes) return failure('too-many-bytes')
    return { type: 'file', bytes: await readFile(path), hops: [address] }
  } catch (error) {
    return failure((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing-file' : 'unreadable-file')
  }
}

function listOf(header: string | string[] | undefined): string[] {
  return header === undefined ? [] : [header].flat()
}
