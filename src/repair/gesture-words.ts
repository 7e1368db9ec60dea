import { type Gesture, type GestureName, gestureNames, gestures } from '../render/gestures.ts'

/**
 * The gesture that a prompt names with the words that captions of renders use ("a peace sign", "an open palm with five
 * fingers spread"), the longest phrase first; null when it names none.
 */
export function gestureIn(prompt: string): GestureName | null {
  const said = ` ${plainWords(prompt)} `
  let found: { readonly name: GestureName; readonly length: number } | null = null
  for (const name of gestureNames) {
    for (const phrase of (gestures[name] as Gesture).phrases) {
      const words = plainWords(phrase).replace(/^an? /, '')
      if (said.includes(` ${words} `) && words.length > (found?.length ?? 0)) found = { name, length: words.length }
    }
  }
  return found?.name ?? null
}

function plainWords(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}
