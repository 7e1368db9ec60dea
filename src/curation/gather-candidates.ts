import type { CurationSettings } from '../config/curation.ts'
import type { Candidate, Ledger } from '../ledger/index.ts'
import type { ImageSource } from '../sources/index.ts'
import type { CurationEvent } from './events.ts'

export interface GatherOptions {
  readonly ledger: Ledger
  readonly settings: CurationSettings
  readonly signal: AbortSignal
  readonly onEvent: (event: CurationEvent) => void
}

/** Most candidates of what is taken whole. */
const wholeSource = 100_000

/**
 * Asks a source all queries that the ledger does not know yet; what is taken whole is asked once. Throws what searches
 * and the ledger throw, after which the same call goes on.
 */
export async function gatherCandidates(
  source: ImageSource,
  queries: readonly string[],
  { ledger, settings, signal, onEvent }: GatherOptions,
): Promise<void> {
  const asked = source.takesQueries ? queries : ['']
  const limit = source.takesQueries ? settings.perQuery : wholeSource
  for (const [i, query] of asked.entries()) {
    signal.throwIfAborted()
    const search = { source: source.name, query }
    let added = 0
    if (!ledger.hasSearch(search)) {
      const hits: Candidate[] = []
      for await (const hit of source.search(query, { limit, signal })) hits.push(hit)
      added = ledger.recordSearch(search, hits)
    }
    onEvent({ type: 'search-end', ...search, done: i + 1, total: asked.length, added })
  }
}
