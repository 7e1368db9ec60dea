import { parseArgs } from 'node:util'
import { checkAnatomy } from '../../src/hands/anatomy.ts'
import { anatomyChecks } from '../../src/hands/anatomy-measures.ts'
import { auc } from '../../src/metrics/auc.ts'
import { type AnatomyDefect, anatomyDefects, observeHand } from './observed-hands.ts'

/**
 * How well each check tells malformed rendered hands from sound ones: the area under the curve per kind of defect, with
 * its 95 % interval. Sound hands are in the same gestures as the malformed ones; none was learned from.
 */
const { values } = parseArgs({ options: { hands: { type: 'string', default: '60' } } })
const count = Number(values.hands)
/** Gestures that show the long fingers, so that what is wrong with them can be seen. */
const gestures = ['open-palm', 'relaxed', 'four-fingers'] as const

const sound = await findings(null)
console.log(`| defect | hands | ${anatomyChecks.join(' | ')} | farthest of all |`)
console.log(`|${' --- |'.repeat(anatomyChecks.length + 3)}`)
for (const defect of anatomyDefects) {
  const malformed = await findings(defect)
  const columns = [...anatomyChecks.keys(), anatomyChecks.length].map((column) => {
    const estimate = auc(
      malformed.scores.map((row) => row[column]!),
      sound.scores.map((row) => row[column]!),
    )
    const chance = estimate.low <= 0.5 && estimate.high >= 0.5 ? ' (chance)' : ''
    return `${estimate.auc.toFixed(2)} [${estimate.low.toFixed(2)}, ${estimate.high.toFixed(2)}]${chance}`
  })
  console.log(`| ${defect} | ${malformed.scores.length}, unseen ${malformed.unseen} | ${columns.join(' | ')} |`)
}
console.log(`\nSound hands: ${sound.scores.length}, unseen ${sound.unseen}. Chance: 0.5 lies in the interval.`)

/** Distances by check, then the largest of all; hands in which the model sees none are counted apart. */
async function findings(defect: AnatomyDefect | null): Promise<{ scores: number[][]; unseen: number }> {
  const scores: number[][] = []
  let unseen = 0
  const first = 2_000_000 + 10_000 * (defect === null ? 0 : anatomyDefects.indexOf(defect) + 1)
  for (let seed = first; scores.length < count && unseen < count; seed++) {
    const landmarks = await observeHand(seed, defect, gestures)
    if (landmarks === null) unseen++
    else {
      const distances = checkAnatomy(landmarks).map(({ distance }) => distance)
      scores.push([...distances, Math.max(...distances)])
    }
  }
  return { scores, unseen }
}
