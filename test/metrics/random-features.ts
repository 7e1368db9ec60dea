import { RandomStream } from '../../src/util/random.ts'

/** Rows of normal numbers around `shift`, the same for the same seed. */
export function randomFeatures(seed: number, count: number, width: number, shift: number): number[][] {
  const random = new RandomStream('features', seed)
  return Array.from({ length: count }, () => Array.from({ length: width }, () => random.normal() + shift))
}
