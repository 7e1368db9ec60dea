import { resolve as absolute, join } from 'node:path'
import { type CurationInput, curation } from '../config/curation.ts'
import { resolve } from '../config/resolve.ts'
import type { SourceInput } from '../config/source.ts'
import { ConfigError } from '../errors/index.ts'
import { type Ledger, type LedgerCounts, openLedger } from '../ledger/index.ts'
import { type SuspicionKind, suspicionRules } from '../quality/index.ts'
import { openSource, type SourceSurroundings } from '../sources/index.ts'
import { type Network, openNetwork } from '../web/index.ts'
import { openBlobStore } from './blob-store.ts'
import type { CurationEvent } from './events.ts'
import { fetchCandidates } from './fetch-candidates.ts'
import { gatherCandidates } from './gather-candidates.ts'
import { measureImages } from './measure-images.ts'
import { findDuplicates } from './near-duplicates.ts'

export interface CurateRequest {
  /** Folder of the set in the making: its ledger and its files. */
  readonly folder: string
  /** Asked one after another. */
  readonly sources: readonly SourceInput[]
  /** What to look for; sources that are taken whole are not asked them. */
  readonly queries?: readonly string[]
  readonly settings?: CurationInput
}

export interface CurateOptions {
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: (event: CurationEvent) => void
  /** Where keys come from: the environment by default. */
  readonly variables?: SourceSurroundings['variables']
  /** Patience with sources. */
  readonly patience?: SourceSurroundings['patience']
  /** The open internet by default. */
  readonly network?: Network
}

/** How far a set has come. */
export interface Curated {
  readonly folder: string
  readonly counts: LedgerCounts
  /** Kept images that look as if a person would take them out, by kind; none is left out for that. */
  readonly suspected: Readonly<Record<SuspicionKind, number>>
  /** When the next candidate that failed is due, as an ISO time; null when nothing is left to fetch. */
  readonly nextTry: string | null
}

/**
 * Makes a set or goes on making it: searches, fetches what is found (robots.txt and opt-outs obeyed), looks at each
 * image, and lets those give way that are there already. Everything is in the ledger as it happens, so the same call
 * goes on wherever it was stopped. Images that an older version of this package fetched are measured anew where they need
 * it. Duplicates are looked for once nothing is left to fetch, so that the outcome does not
 * depend on which file came first.
 *
 * Throws ConfigError for the request, what sources throw, DatasetError (`ledger-in-use`, `disk-full`,
 * `unwritable-folder`, `ledger-failed`, `damaged-set`) or the signal's reason.
 */
export async function curate(request: CurateRequest, options: CurateOptions = {}): Promise<Curated> {
  const settings = resolve(curation, request.settings ?? {}, 'settings of curation')
  const { queries = [], sources } = request
  const { onEvent = () => undefined, signal = new AbortController().signal } = options
  const folder = absolute(request.folder)
  if (sources.length === 0) throw nothingToSearch('no source', 'Name one: openverse, commons, a folder or a list.')
  await using ledger = await openLedger(folder, { signal })
  const surroundings: SourceSurroundings = {
    answers: ledger,
    onEvent,
    ...(options.variables !== undefined && { variables: options.variables }),
    ...(options.patience !== undefined && { patience: options.patience }),
  }
  for (const input of sources) {
    const source = await openSource(input, surroundings)
    if (source.takesQueries && queries.length === 0)
      throw nothingToSearch('no query', `${source.name} must be asked something.`)
    await gatherCandidates(source, queries, { ledger, settings, signal, onEvent })
  }
  const blobs = await openBlobStore(join(folder, 'blobs'))
  const next = await inNetwork(options.network, (network) =>
    fetchCandidates({ ledger, blobs, settings, network, signal, onEvent }),
  )
  await measureImages(ledger, blobs, signal)
  if (next === null) ledger.refuseDuplicates(findDuplicates(ledger.fingerprints(), settings.duplicateDistance))
  return {
    ...{ folder, counts: ledger.counts(), suspected: suspectedOf(ledger) },
    nextTry: next === null ? null : new Date(next).toISOString(),
  }
}

function suspectedOf({ scores }: Ledger): Curated['suspected'] {
  const { watermark, clipArt, littleDetail } = suspicionRules
  return scores.counts({
    ...{ watermark: watermark.threshold, clipArt: clipArt.threshold },
    littleDetail: littleDetail.threshold,
  })
}

async function inNetwork<Result>(
  given: Network | undefined,
  work: (network: Network) => Promise<Result>,
): Promise<Result> {
  if (given !== undefined) return work(given)
  await using network = openNetwork()
  return await work(network)
}

function nothingToSearch(what: string, help: string): ConfigError {
  return new ConfigError({
    code: 'nothing-to-search',
    message: `There is ${what} to make the set from. ${help}`,
    facts: {},
  })
}
