import { RandomStream } from '../util/random.ts'
import type { Gesture } from './gestures.ts'
import type { BackgroundColour, SkinTone } from './palette.ts'

/** What a caption may mention. */
export interface CaptionFacts {
  readonly gesture: Pick<Gesture, 'phrases'>
  readonly style: 'photo' | 'drawing'
  readonly side: 'palm' | 'back'
  readonly tone: SkinTone
  readonly background: BackgroundColour
}

/**
 * `a photo of <gesture>[, back of the hand][, <tone> skin][, <colour> background]`; tone and background are each
 * said in about two of three captions, so that a model learns to fill them in.
 */
export function handCaption(seed: number, facts: CaptionFacts): string {
  const random = new RandomStream('scene', seed, 'caption')
  const parts = [`a ${facts.style} of ${random.pick(facts.gesture.phrases)}`]
  if (facts.side === 'back') parts.push('back of the hand')
  if (random.chance(0.65)) parts.push(`${facts.tone} skin`)
  if (random.chance(0.65)) parts.push(`${facts.background} background`)
  return parts.join(', ')
}
