import type { RgbImage } from '../artefact/png.ts'
import type { Box } from '../hands/index.ts'
import type { Frame, Verdict } from './detail.ts'

/**
 * What became of a detail: `good` (nothing wrong, left alone), `repaired`, `reverted` (no try was better enough),
 * `unjudged` (the judge said nothing), `no-template` (nothing to draw it after), `over-limit`, or `failed`. All but
 * `repaired` leave the detail as it was.
 */
export const decisions = ['good', 'repaired', 'reverted', 'unjudged', 'no-template', 'over-limit', 'failed'] as const
export type Decision = (typeof decisions)[number]

/** One repainting of a detail. */
export interface Attempt {
  readonly hypothesis: string
  readonly strength: number
  readonly seed: number
  /** Null where the judge said nothing of it. */
  readonly verdict: Verdict | null
}

export interface DetailRecord {
  readonly box: Box
  readonly confidence: number | null
  /** Null where the judge said nothing. */
  readonly before: Verdict | null
  readonly decision: Decision
  /** What failed; null otherwise. */
  readonly failure: string | null
  /** The square that was repainted; null where none was. */
  readonly frame: Frame | null
  readonly attempts: readonly Attempt[]
  /** The best of the attempts, whether it was kept or not. */
  readonly best: Attempt | null
}

/** A step that failed on a picture, which is left as it was; the others go on. */
export interface PictureTrouble {
  readonly step: 'read' | 'find' | 'judge' | 'fit'
  readonly message: string
}

export interface PictureRecord {
  readonly name: string
  readonly prompt: string
  readonly details: readonly DetailRecord[]
  readonly trouble: PictureTrouble | null
  /** Pixels that differ from the picture that was given. */
  readonly changedPixels: number
  readonly seconds: number
}

/** What there is to look at of a detail that was tried, each as its frame shows it. */
export interface DetailPictures {
  readonly before: RgbImage
  /** What the ControlNet read, as a grey picture. */
  readonly template: RgbImage
  /** The best attempt. */
  readonly after: RgbImage
}

/** A picture after the loop. */
export interface RepairedPicture {
  readonly record: PictureRecord
  /** Null where the picture could not be read. */
  readonly image: RgbImage | null
  /** For each detail, in their order; null where nothing was tried. */
  readonly pictures: readonly (DetailPictures | null)[]
}

/** How many details met with each decision, and how many pictures with trouble. */
export interface RepairCounts extends Readonly<Record<Decision, number>> {
  readonly pictures: number
  readonly details: number
  readonly troubled: number
}

export function countDecisions(records: readonly PictureRecord[]): RepairCounts {
  const details = records.flatMap((record) => record.details)
  const counted = decisions.map((name) => [name, details.filter(({ decision }) => decision === name).length] as const)
  return {
    ...(Object.fromEntries(counted) as Record<Decision, number>),
    pictures: records.length,
    details: details.length,
    troubled: records.filter(({ trouble }) => trouble !== null).length,
  }
}
