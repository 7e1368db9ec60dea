import { z } from 'zod'
import { qualityScores } from '../quality/scores.ts'
import { suspicion } from '../quality/suspicion.ts'

const reason = z
  .string()
  .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, { error: 'must be lower-case words joined by hyphens' })
  .max(60)
const hash64 = z.string().regex(/^[0-9a-f]{16}$/, { error: 'must be 64 bits in lower-case hexadecimal' })
const blob = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hexadecimal' })

/** The states of a candidate. `waiting` ones are due for a fetch once their time has come. */
export const states = ['waiting', 'fetched', 'refused'] as const
export type CandidateState = (typeof states)[number]

/** What was seen of an image when it was decoded. */
export const imageFacts = z.strictObject({
  format: z.enum(['jpeg', 'png', 'webp']),
  /** In bytes. */
  size: z.int().min(1),
  /** In pixels, upright. */
  width: z.int().min(1),
  height: z.int().min(1),
  /** Perceptual hash, and that of the mirrored image. */
  hash: hash64,
  mirroredHash: hash64,
})
export type ImageFacts = z.output<typeof imageFacts>

/** What was measured of an image. */
export const quality = z.strictObject({
  /** Number of the way to measure, raised whenever it gives other values. */
  measure: z.int().min(1),
  scores: qualityScores,
  suspicion,
})
export type Quality = z.output<typeof quality>

/** What a fetch came to. */
export const outcome = z.discriminatedUnion('state', [
  /** The bytes lie whole in the store under their SHA-256. What was not measured yet is left out. */
  z.strictObject({
    state: z.literal('fetched'),
    blob,
    image: imageFacts,
    quality: quality.optional(),
    /** The `alt` that the source page gives the image, which takes the place of its caption. */
    pageAlt: z.string().min(1).max(8192).optional(),
  }),
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
  /** Images that are the same as another one that is kept, in bytes or to the eye. */
  readonly duplicates: number
  /** Hits that named a file which an earlier hit had named. */
  readonly repeated: number
}
