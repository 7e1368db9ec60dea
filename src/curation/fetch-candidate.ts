import { readFile, stat } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { CurationSettings } from '../config/curation.ts'
import type { LedgerEntry, Outcome } from '../ledger/index.ts'
import { userAgent } from '../sources/index.ts'
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
  readonly signal: AbortSignal
}

/** Brings one candidate from its address to a file in the store, or to the reason why not. */
export class CandidateFetcher {
  readonly #options: CandidateFetcherOptions
  readonly #call: FetchCall
  readonly #robots: RobotsFiles

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
    return { state: 'fetched', blob: await blobs.keep(file.bytes), ...inspected }
  }

  #ask(entry: LedgerEntry): Promise<FetchedFile | FetchFailure> {
    let isFirst = true
    const onHop: FetchCall['onHop'] = async (url) => {
      const verdict = await this.#robots.verdict(url)
      if (verdict.type === 'refused') return verdict
      const pace = this.#options.hosts.pace(url.host)
      pace.slow(verdict.delayMilliseconds)
      // The first address had its turn when it was taken from the queue.
      if (!isFirst) await wait(pace.take(performance.now()), undefined, { signal: this.#options.signal })
      isFirst = false
      return null
    }
    return fetchFile(entry.url, { ...this.#call, onHop })
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
