import type { IncomingHttpHeaders } from 'node:http'
import { errors, request } from 'undici'
import { BlockedAddressError, type Network } from './network.ts'
import { readCapped, TooManyBytesError } from './read-capped.ts'
import { retryAfter } from './retry-after.ts'

/** A file that came whole. */
export interface FetchedFile {
  readonly type: 'file'
  readonly bytes: Buffer
  /** Each address that was asked, the file's own last. */
  readonly hops: readonly string[]
}

/** Why there is no file. */
export interface FetchFailure {
  readonly type: 'failure'
  /** In lower-case words joined by hyphens. */
  readonly reason: string
  /** Whether it may go well later. */
  readonly temporary: boolean
  /** Milliseconds that the host asks to wait; null when it asks for nothing. */
  readonly wait: number | null
  readonly hops: readonly string[]
}

export interface FetchCall {
  readonly network: Network
  readonly userAgent: string
  readonly accept: string
  readonly largestBytes: number
  /** Time for everything, redirects and body included. */
  readonly deadlineMilliseconds: number
  readonly signal: AbortSignal
  /** A reason not to ask an address, looked for before each hop, the first being 0; null where there is none. */
  readonly onHop?: (url: URL, hop: number) => Promise<Pick<FetchFailure, 'reason' | 'temporary' | 'wait'> | null>
  /** A reason not to read what these headers announce; null where there is none. */
  readonly onHeaders?: (headers: IncomingHttpHeaders) => string | null
}

const mostRedirects = 5

/**
 * Fetches a file from a place that nobody vouches for: each redirect is looked at, the body has a cap and a deadline, and
 * compressed bodies are not taken. Throws only the signal's reason.
 */
export async function fetchFile(address: string, call: FetchCall): Promise<FetchedFile | FetchFailure> {
  const deadline = AbortSignal.timeout(call.deadlineMilliseconds)
  const signal = AbortSignal.any([call.signal, deadline])
  const hops: string[] = []
  const failure = (reason: string, temporary = false, wait: number | null = null): FetchFailure => ({
    ...{ type: 'failure', reason, temporary, wait, hops },
  })
  try {
    for (let next = new URL(address); ; ) {
      if (next.protocol !== 'http:' && next.protocol !== 'https:') return failure('other-scheme')
      if (hops.includes(next.href)) return failure('redirect-loop')
      if (hops.length > mostRedirects) return failure('too-many-redirects')
      hops.push(next.href)
      const refusal = (await call.onHop?.(next, hops.length - 1)) ?? null
      if (refusal !== null) return failure(refusal.reason, refusal.temporary, refusal.wait)
      const answer = await ask(next, call, signal)
      if ('location' in answer) next = new URL(answer.location, next)
      else if ('bytes' in answer) return { type: 'file', bytes: answer.bytes, hops }
      else return failure(answer.reason, answer.temporary, answer.wait)
    }
  } catch (error) {
    call.signal.throwIfAborted()
    if (deadline.aborted) return failure('too-slow', true)
    return failure(...reasonOf(error))
  }
}

type Answer =
  | { readonly location: string }
  | { readonly bytes: Buffer }
  | Pick<FetchFailure, 'reason' | 'temporary' | 'wait'>

async function ask(url: URL, call: FetchCall, signal: AbortSignal): Promise<Answer> {
  const { statusCode, headers, body } = await request(url, {
    dispatcher: call.network.dispatcherFor(url),
    headers: { 'user-agent': call.userAgent, accept: call.accept, 'accept-encoding': 'identity' },
    signal,
  })
  // A body that nobody reads would keep its connection; ending it reports an error that means nothing here.
  body.on('error', () => undefined)
  const leave = (reason: string, temporary = false, wait: number | null = null): Answer => {
    body.destroy()
    return { reason, temporary, wait }
  }
  const { location } = headers
  if (statusCode >= 300 && statusCode < 400 && typeof location === 'string') {
    body.destroy()
    return { location }
  }
  if (statusCode !== 200) {
    const asked = headers['retry-after']
    const wait = retryAfter(typeof asked === 'string' ? asked : null, Date.now())
    return leave(`http-${statusCode}`, isTemporary(statusCode), wait)
  }
  if (!['identity', undefined].includes(textOf(headers['content-encoding']))) return leave('compressed-body')
  const refusal = call.onHeaders?.(headers) ?? null
  if (refusal !== null) return leave(refusal)
  if (Number(headers['content-length'] ?? 0) > call.largestBytes) return leave('too-many-bytes')
  return { bytes: await readCapped(body, call.largestBytes) }
}

function textOf(header: string | string[] | undefined): string | undefined {
  return header?.toString().trim().toLowerCase()
}

function isTemporary(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500
}

function reasonOf(error: unknown): [reason: string, temporary: boolean] {
  if (error instanceof TooManyBytesError) return ['too-many-bytes', false]
  if (causes(error).some((cause) => cause instanceof BlockedAddressError)) return ['blocked-address', false]
  if ((error as NodeJS.ErrnoException).code === 'ENOTFOUND') return ['unknown-host', true]
  if (error instanceof TypeError) return ['invalid-address', false]
  const isSlow = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError
  return [isSlow ? 'too-slow' : 'connection-failed', true]
}

/** An error with all that caused it, those of an AggregateError included. */
function causes(error: unknown): unknown[] {
  if (!(error instanceof Error)) return []
  const several = error instanceof AggregateError ? error.errors : []
  return [error, ...[error.cause, ...several].flatMap(causes)]
}
