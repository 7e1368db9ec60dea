import type { RgbImage } from '../artefact/png.ts'
import type { Box } from '../hands/index.ts'

/** A detail of a picture: what may be right or wrong about it. */
export interface Detail {
  readonly box: Box
  /** How sure the finder is, 0 to 1; null where somebody said so. */
  readonly confidence: number | null
}

/** A picture with what it shows in words. */
export interface DescribedPicture {
  readonly image: RgbImage
  /** What it was drawn from; empty where nobody knows. */
  readonly prompt: string
}

/** A square part of a picture around a detail, at the picture's own resolution. */
export interface DetailCrop {
  readonly image: RgbImage
  /** The detail in the crop. */
  readonly box: Box
  readonly prompt: string
}

/** What a judge says of a detail. */
export interface Verdict {
  /** Probability that the detail is wrong, 0 to 1. One that is not finite says nothing, and the detail is left alone. */
  readonly badness: number
  /** What was seen, in words, as in "4 fingers, 5 expected". */
  readonly seen: string
}

/** A square of a picture, in its pixels; it may reach beyond the picture's edge. */
export interface Frame {
  readonly left: number
  readonly top: number
  readonly side: number
}

/** A template drawn into a frame, both `side` by `side` pixels, one byte each. */
export interface DrawnTemplate {
  /** What the ControlNet reads. */
  readonly control: Uint8Array
  /** 255 where the template's shape is, 0 elsewhere. */
  readonly shape: Uint8Array
}

/** What a detail should look like. */
export interface Hypothesis {
  /** For people, as in "open-palm, right hand". */
  readonly name: string
  /** How well it explains what is there, 0 to 1. */
  readonly confidence: number
  draw(frame: Frame, side: number): Promise<DrawnTemplate>
}

/**
 * What is known of a kind of detail: where it is, whether it is wrong, and what it should look like. The loop knows
 * nothing else, so whoever has these four can have any fine detail repaired.
 */
export interface DetailKit<Found extends Detail = Detail> {
  /** Of the kind, in the plural, as in "hands". */
  readonly name: string
  /** The prompt of pictures of which nothing is known. */
  readonly prompt: string
  find(picture: DescribedPicture): Promise<readonly Found[]>
  /** One verdict for each crop, in their order. */
  judge(crops: readonly DetailCrop[]): Promise<readonly Verdict[]>
  /** Hypotheses for each of the details that are wrong, the most confident first; all details of the picture are given. */
  fit(
    wrong: readonly Found[],
    picture: DescribedPicture,
    all: readonly Found[],
  ): Promise<readonly (readonly Hypothesis[])[]>
}
