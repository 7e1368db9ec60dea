export { contentOf } from './borders.ts'
export { decodeWorkingImage } from './decode-image.ts'
export { type QualityScores, qualityScores, scoreImage } from './scores.ts'
export {
  type Suspicion,
  type SuspicionFeature,
  type SuspicionKind,
  suspicion,
  suspicionFeatures,
  suspicionOf,
  suspicionRules,
} from './suspicion.ts'
export { cropped, type WorkingImage } from './working-image.ts'
