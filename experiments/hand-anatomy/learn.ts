import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { type AnatomyNorms, farthest } from '../../src/hands/anatomy.ts'
import { type AnatomyMeasures, anatomyChecks, measureAnatomy } from '../../src/hands/anatomy-measures.ts'
import { gestureNames } from '../../src/render/gestures.ts'
import { observeHand } from './observed-hands.ts'

/** Learns what is usual among sound rendered hands, as the landmark model sees them, and writes the norms. */
const { values } = parseArgs({
  options: {
    output: { type: 'string', default: 'src/weights/hand-anatomy' },
    hands: { type: 'string', default: '600' },
  },
})
const seen: AnatomyMeasures[] = []
for (let seed = 0; seen.length < Number(values.hands); seed++) {
  const landmarks = await observeHand(1_000_000 + seed, null, gestureNames)
  if (landmarks !== null) seen.push(measureAnatomy(landmarks))
}
const measures = Object.fromEntries(
  anatomyChecks.map((check) => [
    check,
    {
      measures: Object.fromEntries(
        Object.keys(seen[0]![check]).map((name) => {
          const sorted = seen.map((one) => one[check][name] as number).sort((a, b) => a - b)
          return [name, [0.01, 0.5, 0.99].map((share) => rounded(quantile(sorted, share)))]
        }),
      ),
    },
  ]),
) as unknown as Record<(typeof anatomyChecks)[number], Pick<AnatomyNorms['flexion'], 'measures'>>
const norms = Object.fromEntries(
  anatomyChecks.map((check) => {
    const distances = seen.map((one) => farthest(check, one, measures).distance).sort((a, b) => a - b)
    const shares = Array.from({ length: 21 }, (_, i) => rounded(quantile(distances, i / 20)))
    return [check, { ...measures[check], distances: shares }]
  }),
)
const file = path.join(path.resolve(values.output), 'norms.json')
await writeFile(file, `${JSON.stringify(norms, null, 1)}\n`)
console.log(`${seen.length} sound hands: ${file}`)

/** Linear between neighbours. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}

function rounded(value: number): number {
  return Number(value.toPrecision(5))
}
