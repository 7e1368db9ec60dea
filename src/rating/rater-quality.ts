import type { RaterRecord } from '../artefact/rating-record.ts'
import { wilsonInterval } from '../metrics/index.ts'
import type { PlacedVote } from './counted-votes.ts'
import { estimateOf } from './estimate.ts'
import type { RatingProtocol } from './protocol.ts'

/** Milliseconds in which nobody has looked at two images. */
const hastyMilliseconds = 300

/** How well a rater looked, and whether the votes count by the rule of the protocol, which was set beforehand. */
export function judgeRater(rater: number, votes: readonly PlacedVote[], { settings }: RatingProtocol): RaterRecord {
  const caught = votes.filter(({ kind }) => kind === 'catch')
  const right = caught.filter(({ said, broken }) => said === (broken === 'left' ? 'right' : 'left')).length
  const originals = new Map(votes.filter(({ kind }) => kind === 'first').map(({ item, verdict }) => [item, verdict]))
  const repeats = votes.filter(({ kind, item }) => kind === 'repeat' && originals.has(item))
  const decided = votes.filter(({ said, kind }) => kind !== 'catch' && (said === 'left' || said === 'right'))
  const lefts = decided.filter(({ said }) => said === 'left').length
  const times = votes.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  const needed = settings.mode === 'pairs' ? settings.catchesToPass : 0
  return {
    rater,
    votes: votes.length,
    counted: caught.length === 0 || right / caught.length >= needed,
    catches: { right, shown: caught.length },
    repeats: {
      same: repeats.filter(({ item, verdict }) => originals.get(item) === verdict).length,
      shown: repeats.length,
    },
    hasty: times.filter((time) => time < hastyMilliseconds).length,
    medianSeconds: (times[Math.floor(times.length / 2)] ?? 0) / 1000,
    left: decided.length === 0 ? null : estimateOf(lefts / decided.length, wilsonInterval(lefts, decided.length)),
  }
}
