import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Gesture, gestureNames, gestures } from '../../src/render/gestures.ts'
import { gestureIn } from '../../src/repair/gesture-words.ts'

test.each([
  ['a photo of an open palm with five fingers spread', 'open-palm'],
  ['A woman with a Peace-Sign, studio light', 'victory'],
  ['a hand pointing up with one finger', 'pointing'],
  ['four fingers raised, white wall', 'four-fingers'],
  ['a photo of a handshake', null],
  ['a fistful of dollars', null],
  ['a photo of a house', null],
  ['', null],
])('"%s" names %s', (prompt, gesture) => {
  expect(gestureIn(prompt)).toBe(gesture)
})

test('every phrase of every gesture names it, whatever stands around it', () => {
  const around = fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/[\p{L}\p{N}]/gu, ''))
  fc.assert(
    fc.property(fc.constantFrom(...gestureNames), around, around, (name, before, after) => {
      for (const phrase of (gestures[name] as Gesture).phrases)
        expect(gestureIn(`${before} ${phrase} ${after}`)).toBe(name)
    }),
  )
})
