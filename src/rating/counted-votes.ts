import type { RatingProtocol } from './protocol.ts'
import { orderFor, type Showing } from './rater-order.ts'
import type { Outcome, Vote } from './vote-log.ts'

/** One rater's file: the name, and the votes that were not taken back. */
export interface RaterVotes {
  readonly name: string
  readonly votes: readonly Vote[]
}

/** A vote with what it was about. */
export interface PlacedVote extends Showing {
  readonly rater: number
  readonly milliseconds: number
  readonly said: Outcome
  /** The vote in terms of the item, whatever side its images were on. */
  readonly verdict: Verdict
}

/** Of a pair: the first or second image of the item. Of one image: the count. */
export type Verdict = 'first' | 'second' | 'tie' | 'both-bad' | 'unclear' | number

/** Joins a rater's votes with the order they were shown in. */
export function placeVotes({ name, votes }: RaterVotes, rater: number, protocol: RatingProtocol): PlacedVote[] {
  const order = orderFor(name, protocol)
  return votes.flatMap(({ position, outcome, milliseconds }) => {
    const showing = order[position]
    if (showing === undefined) return []
    const verdict = verdictOf(outcome, showing, protocol)
    return [{ ...showing, rater, milliseconds, said: outcome, verdict }]
  })
}

function verdictOf(outcome: Outcome, { item, sides }: Showing, { items }: RatingProtocol): Verdict {
  if (outcome !== 'left' && outcome !== 'right') return outcome
  const chosen = sides[outcome === 'left' ? 0 : 1]
  return chosen === items[item]?.[0] ? 'first' : 'second'
}
