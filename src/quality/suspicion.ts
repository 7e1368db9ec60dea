import { z } from 'zod'
import type { QualityScores } from './scores.ts'

const probability = z.number().min(0).max(1)

/**
 * How much a picture looks like what a person would take out of a set, by kind, 0 to 1: the probability of the kind where
 * as many pictures are of it as are not. It puts those first that are worth a look, and says nothing for good.
 */
export const suspicion = z.strictObject({ watermark: probability, clipArt: probability, littleDetail: probability })
export type Suspicion = z.output<typeof suspicion>
export type SuspicionKind = keyof Suspicion

/** Scores on scales on which equal steps matter about equally. */
export const suspicionFeatures = {
  logSharpness: ({ sharpness }) => Math.log(sharpness + 0.1),
  flatArea: ({ flatArea }) => flatArea,
  logColours: ({ distinctColours }) => Math.log(distinctColours + 1),
  textOverlay: ({ textOverlay }) => textOverlay,
  logPattern: ({ repeatedPattern }) => Math.log(repeatedPattern + 0.01),
} as const satisfies Readonly<Record<string, (scores: QualityScores) => number>>
export type SuspicionFeature = keyof typeof suspicionFeatures

/** What a kind is told by: the logistic function of the weighted features and the bias. */
export interface SuspicionRule {
  readonly bias: number
  readonly weights: Readonly<Partial<Record<SuspicionFeature, number>>>
  /** Suspicion from which a picture counts as one of the kind. */
  readonly threshold: number
}

/**
 * As fitted on half of the recordings by `npx tsx experiments/datasets/calibrate-quality.ts <folder>`, which prints how well
 * they do on the other half.
 */
export const suspicionRules: Readonly<Record<SuspicionKind, SuspicionRule>> = {
  watermark: {
    bias: 9.031,
    weights: { textOverlay: 28.11, logPattern: 3.394, logSharpness: -1.02 },
    threshold: 0.5317,
  },
  clipArt: { bias: 22.06, weights: { flatArea: 7.813, logColours: -3.887 }, threshold: 0.5 },
  littleDetail: { bias: 8.851, weights: { logSharpness: -4.404 }, threshold: 0.5454 },
}

/** The suspicion of each kind that scores give. */
export function suspicionOf(scores: QualityScores): Suspicion {
  const of = ({ bias, weights }: SuspicionRule): number => {
    const names = Object.keys(weights) as SuspicionFeature[]
    const sum = names.reduce((total, name) => total + (weights[name] ?? 0) * suspicionFeatures[name](scores), bias)
    return 1 / (1 + Math.exp(-sum))
  }
  return {
    watermark: of(suspicionRules.watermark),
    clipArt: of(suspicionRules.clipArt),
    littleDetail: of(suspicionRules.littleDetail),
  }
}
