export { type AucEstimate, auc } from './auc.ts'
export {
  type BootstrapOptions,
  bootstrapMean,
  type ClusteredValues,
  clusteredMean,
  type MeanEstimate,
  pairedDifferences,
  type ResamplingScope,
  scopeOf,
} from './bootstrap.ts'
export {
  type BradleyTerryFit,
  type BradleyTerryOptions,
  bradleyTerry,
  type PairedVote,
  type StrengthEstimate,
} from './bradley-terry.ts'
export { type ClipScoreConvention, clipScore, clipScoreText } from './clip-score.ts'
export { cmmd, cmmdInterval, type Estimator } from './cmmd.ts'
export {
  type EquivalenceOptions,
  type EquivalenceTest,
  pairedEquivalence,
  pairedProportionEquivalence,
} from './equivalence.ts'
export {
  type FrechetDifference,
  frechetDistance,
  frechetDistanceDifference,
  frechetDistanceInterval,
} from './frechet-distance.ts'
export {
  clusterPermutationTest,
  holm,
  mcnemarExact,
  mcnemarMidP,
  type PermutationOptions,
  pairedPermutationTest,
} from './hypothesis-tests.ts'
export { defaultConfidence, type Interval } from './interval.ts'
export { dot, type Features, gaussianGram, type Kernel, normalised, polynomialGram } from './kernel.ts'
export {
  type DistanceDifference,
  type DistanceEstimate,
  kernelDistance,
  kernelDistanceDifference,
  kernelDistanceInterval,
  kernelDistanceOverSubsets,
} from './kernel-distance.ts'
export {
  type AgreementEstimate,
  type AgreementOptions,
  krippendorffAlpha,
  type MeasurementLevel,
} from './krippendorff.ts'
export {
  type PowerOptions,
  type ProportionPowerOptions,
  pairedMeanPower,
  pairedProportionPower,
  pairsForMeanEffect,
  pairsForProportionDifference,
  smallestMeanEffect,
  smallestProportionDifference,
} from './power.ts'
export {
  countPairs,
  type PairedCounts,
  pairedProportionInterval,
  wilsonInterval,
} from './proportion.ts'
export { type SpearmanEstimate, spearman } from './spearman.ts'
