import { setTimeout as wait } from 'node:timers/promises'
import { z } from 'zod'
import { ConfigError, DatasetError } from '../errors/index.ts'
import { Pace, readCapped, retryAfter } from '../web/index.ts'
import type { AnswerStore, SourceEvent } from './image-source.ts'
import { busy, keyRefused, refused, unreachable, wrongAnswer } from './source-errors.ts'

/** A question to a source's interface. */
export interface Question {
  readonly path: string
  readonly parameters: Readonly<Record<string, string>>
}

/** Keys that go with every question and are kept nowhere. */
export interface Secrets {
  /** Variable of the environment that the key comes from. */
  readonly variable: string | null
  readonly parameters: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
  /** What is cut out of answers and messages. */
  readonly values: readonly string[]
}

/** How patient a source is asked. */
export interface Patience {
  /** Tries of one question. */
  readonly attempts: number
  /** Before the second try; doubled for each one after. */
  readonly pauseMilliseconds: number
  /** Longest wait that a source may ask for; it is left for later when it asks for more. */
  readonly longestMilliseconds: number
  /** Silence after which an answer is given up. */
  readonly answerMilliseconds: number
}

export const usualPatience: Patience = Object.freeze({
  attempts: 5,
  pauseMilliseconds: 1000,
  longestMilliseconds: 120_000,
  answerMilliseconds: 30_000,
})

const largestAnswer = 16 * 1024 * 1024

export interface QuestionerOptions {
  readonly source: string
  readonly address: string
  readonly perMinute: number
  readonly userAgent: string
  readonly secrets: Secrets
  readonly answers: AnswerStore
  readonly patience: Patience
  readonly onEvent: (event: SourceEvent) => void
}

/** Asks one source, no faster than it wants, and keeps each answer so that no question is asked twice. */
export class Questioner {
  readonly #options: QuestionerOptions
  readonly #pace: Pace

  constructor(options: QuestionerOptions) {
    this.#options = options
    this.#pace = new Pace(60_000 / options.perMinute)
  }

  /**
   * The answer as `read` makes it of the JSON, kept when `read` takes it. Throws what `ImageSource.search` throws.
   *
   * @param read gets the parsed answer; throws for one that is to be asked for anew
   */
  async ask<Result>(question: Question, read: (answer: unknown) => Result, signal: AbortSignal): Promise<Result> {
    const { source, answers } = this.#options
    const request = requestOf(question)
    const kept = answers.answer(source, request)
    if (kept !== null) return this.#read(kept, read)
    const body = this.#redacted(await this.#fetch(question, signal))
    const result = this.#read(body, read)
    answers.keepAnswer(source, request, body, Date.now())
    return result
  }

  /** An error for an answer that refuses the question although its status is 200. */
  refusal(status: number, text: string): DatasetError | ConfigError {
    const { source, secrets } = this.#options
    const said = this.#redacted(text).slice(0, 300)
    return (status === 401 || status === 403) && secrets.variable !== null
      ? keyRefused(source, secrets.variable, said)
      : refused(source, status, said)
  }

  #read<Result>(body: string, read: (answer: unknown) => Result): Result {
    try {
      return read(JSON.parse(body))
    } catch (cause) {
      if (cause instanceof z.ZodError || cause instanceof SyntaxError) throw wrongAnswer(this.#options.source, cause)
      throw cause
    }
  }

  async #fetch(question: Question, signal: AbortSignal): Promise<string> {
    const { source, patience } = this.#options
    let reason: WaitReason = 'rate-limit'
    for (let attempt = 1; ; attempt++) {
      await this.#turn(reason, signal)
      const answer = await this.#try(question, signal)
      if (typeof answer === 'string') return answer
      const pause = answer.wait ?? patience.pauseMilliseconds * 2 ** (attempt - 1)
      if (attempt >= patience.attempts)
        throw answer.busy ? busy(source, Date.now() + pause) : unreachable(source, this.#options.address, answer.cause)
      this.#pace.hold(performance.now() + pause)
      reason = answer.busy ? 'source-asks' : 'failure'
    }
  }

  async #turn(reason: WaitReason, signal: AbortSignal): Promise<void> {
    const { source, patience, onEvent } = this.#options
    const milliseconds = this.#pace.take(performance.now())
    if (milliseconds > patience.longestMilliseconds) throw busy(source, Date.now() + milliseconds)
    if (milliseconds >= 1) onEvent({ type: 'source-wait', source, milliseconds, reason })
    await wait(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted())
  }

  async #try(question: Question, signal: AbortSignal): Promise<string | Failure> {
    const { secrets, userAgent, patience } = this.#options
    try {
      const response = await fetch(this.#url(question), {
        headers: { accept: 'application/json', 'user-agent': userAgent, ...secrets.headers },
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(patience.answerMilliseconds)]),
      })
      const body = (await readCapped(response.body, largestAnswer)).toString('utf8')
      if (response.status === 429 || response.status >= 500) {
        const asked = retryAfter(response.headers.get('retry-after'), Date.now())
        const isBusy = response.status === 429 || response.status === 503
        return { wait: asked, busy: isBusy, cause: new Error(`it answered ${response.status}`) }
      }
      if (!response.ok) throw this.refusal(response.status, body)
      this.#pace.hold(performance.now() + exhaustedFor(response.headers, Date.now()))
      return body
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof DatasetError || cause instanceof ConfigError) throw cause
      return { wait: null, busy: false, cause }
    }
  }

  #url({ path, parameters }: Question): URL {
    const { address, secrets } = this.#options
    const url = new URL(path, address.endsWith('/') ? address : `${address}/`)
    url.search = new URLSearchParams({ ...parameters, ...secrets.parameters }).toString()
    return url
  }

  /** Some interfaces repeat the question, key and all. */
  #redacted(text: string): string {
    return this.#options.secrets.values.reduce((clean, secret) => clean.replaceAll(secret, '[key]'), text)
  }
}

type WaitReason = (SourceEvent & { type: 'source-wait' })['reason']

interface Failure {
  /** Milliseconds that the source asks to wait, null when it asks for nothing. */
  readonly wait: number | null
  readonly busy: boolean
  readonly cause: unknown
}

/** Names a question without its keys and without the address, so that answers are found wherever they came from. */
function requestOf({ path, parameters }: Question): string {
  const sorted = new URLSearchParams(parameters)
  sorted.sort()
  return `${path}?${sorted}`
}

/**
 * Milliseconds for which `X-RateLimit-Remaining` says that nothing is left. Both headers may list several windows, as
 * `0, 14000` and `1, 1419704`; a reset is in seconds from now or, when large, since 1970.
 */
function exhaustedFor(headers: Headers, now: number): number {
  const remaining = numbersOf(headers.get('x-ratelimit-remaining'))
  const resets = numbersOf(headers.get('x-ratelimit-reset'))
  const waits = remaining.map((left, i) => {
    const reset = resets[i]
    if (left > 0 || reset === undefined) return 0
    return reset > 1e9 ? reset * 1000 - now : reset * 1000
  })
  return Math.max(0, ...waits)
}

function numbersOf(header: string | null): number[] {
  return (header ?? '').split(',').flatMap((part) => (/^\s*\d{1,12}\s*$/.test(part) ? [Number(part)] : []))
}
