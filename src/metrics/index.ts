export { type AucEstimate, auc } from './auc.ts'
export {
  type BootstrapOptions,
  bootstrapMean,
  type ClusteredValues,
  clusteredMean,
  type MeanEstimate,
  pairedDifferences,
  type ResamplingScope,
} from './bootstrap.ts'
export {
  holm,
  mcnemarExact,
  type PermutationOptions,
  pairedPermutationTest,
} from './hypothesis-tests.ts'
export { defaultConfidence, type Interval } from './interval.ts'
export {
  type DistanceDifference,
  type DistanceEstimate,
  type Features,
  kernelDistance,
  kernelDistanceDifference,
  kernelDistanceInterval,
  kernelDistanceOverSubsets,
} from './kernel-distance.ts'
export {
  countPairs,
  type PairedCounts,
  pairedProportionInterval,
  wilsonInterval,
} from './proportion.ts'
