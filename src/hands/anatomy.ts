import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { StatisticsError } from '../errors/index.ts'
import { packageRoot } from '../util/package-root.ts'
import { type AnatomyCheck, type AnatomyMeasures, anatomyChecks, measureAnatomy } from './anatomy-measures.ts'
import type { Landmark } from './hand.ts'

/** What is usual among sound hands, learned by `experiments/hand-anatomy/learn.ts`. */
const anatomyNorms = z.record(
  z.enum(anatomyChecks),
  z.strictObject({
    /** Of each measure: what 1 %, 50 % and 99 % of sound hands are below. */
    measures: z.record(z.string(), z.tuple([z.number(), z.number(), z.number()])),
    /** Of the farthest measure's distance: what 0 %, 5 %, … 100 % of sound hands are below. */
    distances: z.array(z.number()).min(2),
  }),
)
export type AnatomyNorms = z.output<typeof anatomyNorms>

/** What a check says of a hand. */
export interface AnatomyFinding {
  readonly check: AnatomyCheck
  /** Share of sound hands that are less unusual, 0 to 1; beyond the most unusual one it is 1. */
  readonly unusual: number
  /** Distance of the farthest measure from the median; 1 is where one sound hand of a hundred is farther on its side. */
  readonly distance: number
  /** Name of that measure, as in "index middle to upper". */
  readonly measure: string
}

/**
 * Compares the 21 landmarks of a hand with those of sound ones: a finding per check. How well each check tells malformed
 * hands from sound ones, which is not at all for some defects, is in `experiments/hand-anatomy/README.md`.
 *
 * Throws StatisticsError (`not-landmarks`).
 */
export function checkAnatomy(landmarks: readonly Landmark[]): AnatomyFinding[] {
  if (landmarks.length !== 21 || !landmarks.every(({ x, y, z }) => Number.isFinite(x + y + z))) {
    throw new StatisticsError({
      code: 'not-landmarks',
      message: `Anatomy is checked on 21 landmarks that are finite numbers, got ${landmarks.length}. Give those of a hand that findHands found.`,
      facts: { count: landmarks.length },
    })
  }
  const norms = readNorms()
  const measures = measureAnatomy(landmarks)
  return anatomyChecks.map((check) => {
    const { measure, distance } = farthest(check, measures, norms)
    return { check, unusual: shareBelow(norms[check].distances, distance), distance, measure }
  })
}

/** The measure of a check that lies farthest from its median. */
export function farthest(
  check: AnatomyCheck,
  measures: AnatomyMeasures,
  norms: Readonly<Record<AnatomyCheck, Pick<AnatomyNorms[AnatomyCheck], 'measures'>>>,
): { readonly measure: string; readonly distance: number } {
  let [measure, distance] = ['', -1]
  for (const [name, value] of Object.entries(measures[check])) {
    const [low, middle, high] = norms[check].measures[name] as [number, number, number]
    const away =
      value > middle
        ? (value - middle) / Math.max(high - middle, 1e-9)
        : (middle - value) / Math.max(middle - low, 1e-9)
    if (away > distance) [measure, distance] = [name, away]
  }
  return { measure, distance }
}

let known: AnatomyNorms | undefined

function readNorms(): AnatomyNorms {
  const file = join(packageRoot(), 'src', 'weights', 'hand-anatomy', 'norms.json')
  known ??= anatomyNorms.parse(JSON.parse(readFileSync(file, 'utf8')))
  return known
}

/** Share of values below one, where `quantiles` are those of equally spaced shares. */
function shareBelow(quantiles: readonly number[], value: number): number {
  const above = quantiles.findIndex((quantile) => quantile > value)
  if (above <= 0) return above === 0 ? 0 : 1
  const [low, high] = [quantiles[above - 1] as number, quantiles[above] as number]
  return (above - 1 + (value - low) / (high - low)) / (quantiles.length - 1)
}
