import { z } from 'zod'
import { borders, contentOf } from './borders.ts'
import { distinctColours } from './distinct-colours.ts'
import { entropy } from './entropy.ts'
import { flatArea } from './flat-area.ts'
import { repeatedPattern } from './repeated-pattern.ts'
import { sharpness } from './sharpness.ts'
import { textOverlay } from './text-overlay.ts'
import { cropped, type WorkingImage } from './working-image.ts'

const share = z.number().min(0).max(1)

/** What is measured of a picture at the working size; each is explained where it is computed. */
export const qualityScores = z.strictObject({
  /** Standard deviation of the Laplacian, in levels of luma; small for a blurred picture. */
  sharpness: z.number().min(0),
  /** Of the luma, in bits. */
  entropy: z.number().min(0).max(8),
  /** Share of blocks of one tone. */
  flatArea: share,
  /** Of 32,768. */
  distinctColours: z.int().min(0).max(32_768),
  /** Share of the area that a uniform frame takes. */
  borders: share,
  textOverlay: share,
  repeatedPattern: share,
})
export type QualityScores = z.output<typeof qualityScores>

/** All scores of a picture. A frame is no part of it where detail, text and patterns are looked for. */
export function scoreImage(image: WorkingImage): QualityScores {
  const content = contentOf(image)
  const inside = cropped(image, content)
  return {
    sharpness: sharpness(inside),
    entropy: entropy(inside),
    flatArea: flatArea(image),
    distinctColours: distinctColours(image),
    borders: borders(image, content),
    textOverlay: textOverlay(inside),
    repeatedPattern: repeatedPattern(inside),
  }
}
