import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { AnswerStore, ImageSource, Patience, SourceEvent, SourceSurroundings } from '../../src/sources/index.ts'

/** One request as the server saw it. */
export interface SeenRequest {
  readonly path: string
  readonly parameters: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
}

export interface LocalServer extends AsyncDisposable {
  readonly address: string
  readonly seen: readonly SeenRequest[]
}

/** A server on loopback that answers as `answer` says: JSON for an object, or what it writes itself. */
export async function serve(
  answer: (request: SeenRequest, response: ServerResponse) => object | undefined,
): Promise<LocalServer> {
  const seen: SeenRequest[] = []
  const server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? '', 'http://localhost')
    const request = {
      path: url.pathname,
      parameters: Object.fromEntries(url.searchParams),
      headers: incoming.headers,
    }
    seen.push(request)
    const body = answer(request, response)
    if (body === undefined) return
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `http://127.0.0.1:${port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

export const quick: Patience = {
  attempts: 3,
  pauseMilliseconds: 50,
  longestMilliseconds: 5000,
  answerMilliseconds: 5000,
}

export interface Surroundings extends SourceSurroundings {
  readonly kept: Map<string, string>
  readonly events: SourceEvent[]
}

/** Keeps answers in memory, with a key for every source. */
export function surroundings(more: Partial<SourceSurroundings> = {}): Surroundings {
  const kept = new Map<string, string>()
  const events: SourceEvent[] = []
  const answers: AnswerStore = {
    answer: (source, request) => kept.get(`${source} ${request}`) ?? null,
    keepAnswer: (source, request, body) => kept.set(`${source} ${request}`, body),
  }
  const variables = {
    BRAVE_API_KEY: 'secret-key',
    FLICKR_API_KEY: 'secret-key',
    GOOGLE_API_KEY: 'secret-key',
    GOOGLE_SEARCH_ENGINE: 'engine',
  }
  return { answers, variables, patience: quick, onEvent: (event) => events.push(event), ...more, kept, events }
}

export async function search(source: ImageSource, query: string, limit = 100) {
  const found = []
  for await (const one of source.search(query, { limit, signal: new AbortController().signal })) found.push(one)
  return found
}
