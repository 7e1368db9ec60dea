import { type Candidate, candidate } from '../ledger/index.ts'
import { checkLimit, type Hit, type ImageSource, type SearchOptions, type SourceEvent } from './image-source.ts'
import type { Question, Questioner } from './question.ts'

/** One page of a source's answer. */
export interface Page {
  /** In the source's order; null for what names no image. */
  readonly hits: readonly (Hit | null)[]
  /** What the next page is asked by; null after the last. */
  readonly next: string | null
}

/** What one web source asks and how its answers are read. */
export interface WebSourceDefinition {
  readonly name: string
  readonly ends: string | null
  /** The question for a page; `next` is null for the first. */
  question(query: string, next: string | null): Question
  /** Reads an answer; throws a ZodError for another form, or an error of this package. */
  read(answer: unknown, next: string | null): Page
}

const longestText = 8192

/** A source that is asked page by page over the web. */
export function webSource(
  { name, ends, question, read }: WebSourceDefinition,
  questioner: Questioner,
  onEvent: (event: SourceEvent) => void,
): ImageSource {
  return {
    name,
    ends,
    takesQueries: true,
    async *search(query: string, options: SearchOptions): AsyncGenerator<Candidate> {
      const limit = checkLimit(options)
      let [rank, given, next]: [number, number, string | null] = [0, 0, null]
      do {
        const asked: string | null = next
        const page: Page = await questioner.ask(question(query, asked), (answer) => read(answer, asked), options.signal)
        for (const hit of page.hits) {
          rank++
          const found = hit === null ? null : candidateOf(hit, rank)
          if (found === null) onEvent({ type: 'result-skip', source: name, query, rank })
          else {
            yield found
            if (++given === limit) return
          }
        }
        next = page.hits.length === 0 ? null : page.next
      } while (next !== null)
    },
  }
}

/** What others say of an image is cut to what a ledger holds; only the address of the image must be right. */
function candidateOf(hit: Hit, rank: number): Candidate | null {
  const { url } = candidate.shape
  if (!url.safeParse(hit.url).success || hit.url.startsWith('file:')) return null
  const facts = candidate.safeParse({
    ...hit,
    rank,
    page: address(hit.page),
    licenceUrl: address(hit.licenceUrl),
    creator: cut(hit.creator),
    attribution: cut(hit.attribution),
    licence: cut(hit.licence) ?? 'unknown',
    caption: cut(hit.caption) ?? '',
    captionSource: cut(hit.caption) === null ? 'none' : hit.captionSource,
    width: pixels(hit.width),
    height: pixels(hit.height),
  })
  return facts.success ? facts.data : null
}

function address(text: string | null | undefined): string | null {
  return candidate.shape.page.safeParse(text).data ?? null
}

/** Null for what says nothing. A character that would be cut in half goes as a whole. */
function cut(text: string | null | undefined): string | null {
  const clean = (text ?? '')
    .toWellFormed()
    .trim()
    .slice(0, longestText)
    .replace(/\p{Surrogate}$/u, '')
  return clean === '' ? null : clean
}

function pixels(size: number | null | undefined): number | null {
  return Number.isSafeInteger(size) && (size as number) > 0 ? (size as number) : null
}
