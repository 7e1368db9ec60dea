import { readFile } from 'node:fs/promises'
import { resolve as absolute } from 'node:path'
import { z } from 'zod'
import { type FreezingInput, freezing } from '../config/freezing.ts'
import { resolve } from '../config/resolve.ts'
import { ConfigError } from '../errors/index.ts'

const words = z.string().trim().min(1).max(400)
const list = z.array(words).min(1)
const places = ['{medium}', '{subject}', '{gesture}'] as const

const queryFile = z.strictObject({
  /** Queries as they are. */
  plain: z.array(words).default([]),
  /** How the three are joined: each of `{medium}`, `{subject}` and `{gesture}` once. */
  pattern: words
    .refine((pattern) => places.every((place) => pattern.split(place).length === 2), {
      error: `must hold each of ${places.join(', ')} once`,
    })
    .default('{medium} of {subject} {gesture}'),
  medium: list,
  subject: list,
  gesture: list,
  ...freezing.shape,
})
/** What a file of queries holds: the queries, and what the set is frozen into. */
export type QueryFile = z.input<typeof queryFile>

/**
 * The plain queries and then every medium with every subject with every gesture ("drawing of a man giving a
 * handshake"), in the order of the lists, as for the paper's data. Throws ConfigError: `invalid-settings`, or
 * `repeated-query` for two that are the same.
 */
export function makeQueries(input: QueryFile): string[] {
  const { plain, pattern, medium, subject, gesture } = resolve(queryFile, input, 'file of queries')
  const joined = medium.flatMap((a) => subject.flatMap((b) => gesture.map((c) => fill(pattern, a, b, c))))
  const queries = [...plain, ...joined]
  const repeated = queries.find((query, i) => queries.indexOf(query) < i)
  if (repeated === undefined) return queries
  throw new ConfigError({
    code: 'repeated-query',
    message: `The file of queries gives "${repeated}" twice. Remove one of the words that make it.`,
    facts: { query: repeated },
  })
}

/**
 * The queries of a JSON file, and what their set is frozen into: views, picks, splits and the wording of captions.
 * Throws as `makeQueries`, and ConfigError (`unreadable-queries`).
 */
export async function readQueryFile(
  path: string,
): Promise<{ readonly queries: string[]; readonly freezing: FreezingInput }> {
  let content: unknown
  try {
    content = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path)))
  } catch (cause) {
    throw new ConfigError({
      code: 'unreadable-queries',
      message: `${absolute(path)} cannot be read as JSON (${(cause as Error).message}). Name a file like experiments/datasets/hands.queries.json.`,
      facts: { path },
      cause,
    })
  }
  const queries = makeQueries(content as QueryFile)
  // What is wrong is told before anything is fetched.
  const { views, picks, splits, captions } = resolve(queryFile, content, 'file of queries')
  return {
    queries,
    freezing: resolve(freezing, { views, picks, splits, captions }, 'file of queries') as FreezingInput,
  }
}

/** Split at the places rather than replaced one after another, as a word may itself hold braces. */
function fill(pattern: string, medium: string, subject: string, gesture: string): string {
  const values: Readonly<Record<string, string>> = { '{medium}': medium, '{subject}': subject, '{gesture}': gesture }
  return pattern
    .split(/(\{(?:medium|subject|gesture)\})/)
    .map((part) => values[part] ?? part)
    .join('')
}
