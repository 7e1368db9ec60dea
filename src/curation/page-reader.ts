import { urlKey } from '../ledger/index.ts'
import type { AnswerStore } from '../sources/index.ts'
import { type FetchCall, fetchFile } from '../web/index.ts'
import { readSourcePage, type SourcePage, sourcePage } from './source-page.ts'

/** Name under which what pages say is kept among the answers of sources. */
const source = 'page'
/** In bytes. What is meant for people is seldom a tenth of it. */
const largestPage = 4 * 2 ** 20
const accept = 'text/html,application/xhtml+xml;q=0.9'

export interface PageReaderOptions {
  readonly answers: AnswerStore
  readonly call: Omit<FetchCall, 'accept' | 'largestBytes' | 'onHeaders'>
  /** Own name, in lower case. */
  readonly robot: string
  /** Waits until a host may be asked. */
  readonly turn: (url: URL) => Promise<void>
}

/** Reads each source page once and keeps what it says, so that a later run asks for none again. */
export class PageReader {
  readonly #options: PageReaderOptions
  readonly #running = new Map<string, Promise<SourcePage | null>>()

  constructor(options: PageReaderOptions) {
    this.#options = options
  }

  /**
   * What a page says, null for one that cannot be had now: its host refuses, fails or gives something else. Throws
   * DatasetError (`disk-full`, `ledger-failed`) or the signal's reason.
   */
  async read(address: string): Promise<SourcePage | null> {
    const key = urlKey(address)
    const kept = this.#options.answers.answer(source, key)
    if (kept !== null) return sourcePage.parse(JSON.parse(kept))
    const running = this.#running.get(key)
    if (running !== undefined) return running
    const reading = this.#fetch(address, key).finally(() => this.#running.delete(key))
    this.#running.set(key, reading)
    return reading
  }

  async #fetch(address: string, key: string): Promise<SourcePage | null> {
    const { answers, call, robot, turn } = this.#options
    await turn(new URL(address))
    let tags: string[] = []
    const file = await fetchFile(address, {
      ...call,
      ...{ accept, largestBytes: largestPage },
      onHeaders: (headers) => {
        tags = [headers['x-robots-tag'] ?? []].flat()
        return /^(?:text\/html|application\/xhtml\+xml)\b/i.test(headers['content-type'] ?? '') ? null : 'not-a-page'
      },
    })
    if (file.type === 'failure') return null
    const page = readSourcePage(file.bytes.toString('utf8'), file.hops.at(-1) ?? address, robot, tags)
    answers.keepAnswer(source, key, JSON.stringify(page), Date.now())
    return page
  }
}
