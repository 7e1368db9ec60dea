import { setTimeout as wait } from 'node:timers/promises'
import type { CurationSettings } from '../config/curation.ts'
import type { Ledger, LedgerEntry } from '../ledger/index.ts'
import type { Network } from '../web/index.ts'
import type { BlobStore } from './blob-store.ts'
import type { CurationEvent } from './events.ts'
import { CandidateFetcher } from './fetch-candidate.ts'
import { FetchProgress } from './fetch-progress.ts'
import { HostQueues } from './hosts.ts'

export interface FetchCandidatesOptions {
  readonly ledger: Ledger
  readonly blobs: BlobStore
  readonly settings: CurationSettings
  readonly network: Network
  readonly signal: AbortSignal
  readonly onEvent: (event: CurationEvent) => void
}

/** Candidates that are held in memory at a time. */
const window = 2000

/**
 * Fetches all candidates whose time has come or comes soon enough, several at a time and each host at its pace; what
 * each came to is recorded as it ends. Gives when to go on with what is left, in ms since 1970, or null when nothing is.
 * Throws DatasetError (`disk-full`, `unwritable-folder`, `ledger-failed`) or the
 * signal's reason, after which the same call goes on.
 */
export async function fetchCandidates(options: FetchCandidatesOptions): Promise<number | null> {
  const { ledger, settings } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const hosts = new HostQueues(1000 / settings.perHostPerSecond)
  const fetcher = new CandidateFetcher({ ...options, answers: ledger, hosts, signal })
  const progress = new FetchProgress(ledger.counts().states, options.onEvent)
  const running = new Set<Promise<void>>()
  const begin = (entry: LedgerEntry): void => {
    const work = fetcher
      .fetch(entry)
      .then((outcome) => {
        if (ledger.recordOutcome(entry.id, outcome)) progress.add(outcome)
      })
      .catch((error: unknown) => stop.abort(error))
      .finally(() => running.delete(work))
    running.add(work)
  }
  try {
    let [after, isAllHeld] = [0, false]
    while (!signal.aborted) {
      if (!isAllHeld && hosts.size < window / 2) {
        const due = ledger.due(Date.now(), window - hosts.size, after)
        for (const entry of due) hosts.add(entry)
        after = due.at(-1)?.id ?? after
        isAllHeld = due.length === 0
      }
      while (running.size < settings.concurrency) {
        const entry = hosts.take(performance.now())
        if (entry === null) break
        begin(entry)
      }
      if (running.size > 0) {
        await nextChange(running, hosts, settings.concurrency, signal)
        continue
      }
      const next = hosts.size > 0 ? Date.now() + hosts.wait(performance.now()) : ledger.nextDue()
      if (next === null || next - Date.now() > settings.longestWait * 1000) return next
      if (hosts.size === 0) {
        progress.tellRetry(next - Date.now())
        ;[after, isAllHeld] = [0, false]
      }
      await wait(Math.max(0, Math.ceil(next - Date.now())), undefined, { signal }).catch(() => undefined)
    }
    throw signal.reason
  } finally {
    stop.abort()
    await Promise.all(running)
  }
}

/** Until a fetch ends, or a host has a turn while there is room for another fetch. */
async function nextChange(
  running: ReadonlySet<Promise<void>>,
  hosts: HostQueues,
  concurrency: number,
  signal: AbortSignal,
): Promise<void> {
  const timer = new AbortController()
  const turn = running.size < concurrency ? hosts.wait(performance.now()) : Number.POSITIVE_INFINITY
  const waits = [...running]
  if (Number.isFinite(turn)) {
    const pause = wait(Math.ceil(turn), undefined, { signal: AbortSignal.any([signal, timer.signal]) })
    waits.push(pause.catch(() => undefined))
  }
  await Promise.race(waits)
  timer.abort()
}
