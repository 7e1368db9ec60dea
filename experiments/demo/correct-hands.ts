import type { RenderHandsOptions } from 'phalanx'

/** What the demo trains on: well-formed hands in two gestures, with depth for the ControlNet. */
export const correctHands: RenderHandsOptions = {
  count: 128,
  /** Pixels that tiny-hands draws. */
  size: 64,
  /** Far from the seeds that tiny-hands was trained on, so that nothing here was seen before. */
  seed: 5_000_000,
  gestures: ['open-palm', 'thumbs-up'],
  style: 'photo',
  side: 'palm',
  control: 'depth',
}
