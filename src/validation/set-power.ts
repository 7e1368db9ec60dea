import type { SetPower } from '../artefact/validity-card.ts'
import type { DistanceMetric } from '../config/metric.ts'
import { auc, cmmd, type Features, frechetDistance, kernelDistance } from '../metrics/index.ts'
import { RandomStream } from '../util/random.ts'

/** Shares of damaged images that sets are mixed with. */
const shares = [0.125, 0.25, 0.5, 1] as const
/** The share by which sets are told apart for the area under the curve. */
const comparedShare = 0.5
/** Sets that are drawn of each kind. */
const draws = 100
/** Of sound sets that may lie above the limit. */
const falseAlarms = 0.05

/** Features of the images that sets are drawn from. */
export interface Pools {
  /** Of these one half makes references, the other sound sets. */
  readonly sound: Features
  readonly damaged: Features
}

/** How well a distance tells sets with damaged images from sound ones. */
export interface SetFinding {
  readonly auc: number
  readonly low: number
  readonly high: number
  readonly sets: number
  readonly power: Omit<SetPower, 'source' | 'kind'>
}

/**
 * Draws sets of sound images, and sets of which a share is damaged, and takes the distance of each to a reference set of
 * sound images that are in neither. The limit is what one sound set in twenty exceeds; power is the share of damaged sets
 * beyond it. All sets come from the same images, so that intervals speak for other sets of these, not for other images.
 *
 * Null for pools of fewer than 12 sound images or 3 damaged ones.
 */
export function setFinding(metric: DistanceMetric, { sound, damaged }: Pools): SetFinding | null {
  const half = Math.floor(sound.length / 2)
  const images = Math.min(Math.floor(half / 2), damaged.length)
  if (images < 3) return null
  const [references, candidates] = [sound.slice(0, half), sound.slice(half)]
  const distances = (share: number): number[] =>
    Array.from({ length: draws }, (_, i) => {
      const random = new RandomStream('validity-sets', share, i)
      const bad = Math.round(share * images)
      const set = [...random.shuffle(damaged).slice(0, bad), ...random.shuffle(candidates).slice(0, images - bad)]
      return distanceOf(metric, set, random.shuffle(references).slice(0, images))
    })
  const none = distances(0)
  const limit = none.toSorted((a, b) => a - b)[Math.ceil((1 - falseAlarms) * draws) - 1] as number
  const found = shares.map((share) => ({ share, values: distances(share) }))
  const power = found.map(({ share, values }) => ({
    share,
    power: values.filter((value) => value > limit).length / draws,
  }))
  const compared = found.find(({ share }) => share === comparedShare)?.values ?? []
  const { auc: area, low, high } = auc(compared, none)
  const smallest = power.find((one) => one.power >= 0.8)?.share ?? null
  return { auc: area, low, high, sets: draws, power: { images, shares: power, smallest } }
}

function distanceOf(metric: DistanceMetric, set: Features, reference: Features): number {
  switch (metric.type) {
    case 'kernel-distance':
      return kernelDistance(set, reference)
    case 'frechet-distance':
      return frechetDistance(set, reference)
    case 'cmmd':
      return cmmd(set, reference, metric.estimator)
  }
}
