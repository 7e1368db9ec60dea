import type { LoggedDecision } from '../ledger/index.ts'

/** Milliseconds after which a person was away rather than looking. */
const longestLook = 120_000

/**
 * Seconds that a person needs for so many pictures, by the middle of the times between two of their verdicts, pauses
 * aside; null when nobody can tell yet.
 *
 * @param lines of one person, the newest first
 */
export function secondsLeft(lines: readonly LoggedDecision[], pictures: number): number | null {
  const times = lines.filter(({ kind }) => kind !== 'caption' && kind !== 'undo').map(({ time }) => time)
  const looks = times
    .slice(1)
    .map((time, i) => (times[i] as number) - time)
    .filter((look) => look >= 0 && look <= longestLook)
    .toSorted((a, b) => a - b)
  const middle = looks[Math.floor(looks.length / 2)]
  return middle === undefined ? null : Math.round((middle * pictures) / 1000)
}
