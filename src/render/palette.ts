/** Linear light would cost a conversion per sample; colours here are display values, 0 to 1. */
export type Colour = readonly [number, number, number]

/** Skin tones by the word that captions use. */
export const skinTones = {
  light: [0.95, 0.78, 0.68],
  tan: [0.83, 0.62, 0.47],
  brown: [0.58, 0.38, 0.26],
  dark: [0.36, 0.23, 0.17],
} as const satisfies Readonly<Record<string, Colour>>

export type SkinTone = keyof typeof skinTones
export const skinToneNames = Object.keys(skinTones) as SkinTone[]

/** Plain backgrounds by the word that captions use. */
export const backgroundColours = {
  white: [0.95, 0.95, 0.94],
  gray: [0.56, 0.57, 0.59],
  black: [0.09, 0.09, 0.1],
  blue: [0.32, 0.5, 0.8],
  green: [0.36, 0.62, 0.4],
  red: [0.75, 0.28, 0.26],
  yellow: [0.94, 0.82, 0.38],
  pink: [0.93, 0.66, 0.74],
  purple: [0.52, 0.38, 0.7],
  orange: [0.93, 0.58, 0.26],
} as const satisfies Readonly<Record<string, Colour>>

export type BackgroundColour = keyof typeof backgroundColours
export const backgroundColourNames = Object.keys(backgroundColours) as BackgroundColour[]

/** a at 0, b at 1. */
export function mixColours(a: Colour, b: Colour, share: number): [number, number, number] {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share]
}
