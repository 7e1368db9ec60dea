import { z } from 'zod'

const reason = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, { error: 'must be lower-case words joined by hyphens' })
  .max(60)
const blob = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hexadecimal' })

/** The states of a candidate. `waiting` ones are due for a fetch once their time has come. */
export const states = ['waiting', 'fetched', 'refused'] as const
export type CandidateState = (typeof states)[number]

/** What a fetch came to. */
export const outcome = z.discriminatedUnion('state', [
  /** The bytes lie whole in the store under their SHA-256. */
  z.strictObject({ state: z.literal('fetched'), blob }),
  /** For good. */
  z.strictObject({ state: z.literal('refused'), reason }),
  /** Failed for now: to be tried again at `nextTry`, in milliseconds since 1970. */
  z.strictObject({ state: z.literal('waiting'), reason, nextTry: z.int().min(0) }),
])
export type Outcome = z.output<typeof outcome>

/** How far a set has come. */
export interface LedgerCounts {
  readonly searches: number
  readonly states: Readonly<Record<CandidateState, number>>
  /** Candidates per reason of refusal, the most frequent first. */
  readonly refusals: readonly { readonly reason: string; readonly count: number }[]
  /** Hits that named a file which an earlier hit had named. */
  readonly repeated: number
}
