import type { Gesture } from './gestures.ts'
import { type FingerName, fingerNames } from './rig.ts'

/** Where a sixth finger grows. */
export const extraFingerPlaces = ['beside-pinky', 'index-middle', 'middle-ring', 'ring-pinky', 'second-thumb'] as const
export type ExtraFingerPlace = (typeof extraFingerPlaces)[number]

/** What is wrong with a hand. */
export type Defect =
  | { readonly kind: 'none' }
  | { readonly kind: 'missing'; readonly fingers: readonly FingerName[] }
  | { readonly kind: 'extra'; readonly place: ExtraFingerPlace }

export const noDefect: Defect = Object.freeze({ kind: 'none' })

/** Extended fingers of a gesture with a defect. A finger counts when its three joints bend less than 100° together. */
export function extendedFingers(gesture: Gesture, defect: Defect): number {
  const raised = raisedFingers(gesture)
  if (defect.kind === 'none') return gesture.extended
  if (defect.kind === 'missing') return gesture.extended - defect.fingers.filter((name) => raised.has(name)).length
  return gesture.extended + (raised.has(extraFingerModel[defect.place]) ? 1 : 0)
}

/** The finger that an extra finger copies. */
export const extraFingerModel: Readonly<Record<ExtraFingerPlace, FingerName>> = {
  'beside-pinky': 'pinky',
  'index-middle': 'index',
  'middle-ring': 'ring',
  'ring-pinky': 'ring',
  'second-thumb': 'thumb',
}

/** A short label such as `missing-index` or `extra-beside-pinky`; `none` for a sound hand. */
export function defectLabel(defect: Defect): string {
  if (defect.kind === 'none') return 'none'
  return defect.kind === 'missing' ? `missing-${defect.fingers.join('-')}` : `extra-${defect.place}`
}

function raisedFingers(gesture: Gesture): Set<FingerName> {
  return new Set(
    fingerNames.filter((name) => {
      if (name === 'thumb') return gesture.thumb.flex[0] + gesture.thumb.flex[1] < 30
      const [a, b, c] = gesture.fingers[name].flex
      return a + b + c < 100
    }),
  )
}
