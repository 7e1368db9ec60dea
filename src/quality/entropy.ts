import type { WorkingImage } from './working-image.ts'

/** Entropy in bits of the luma's 256 values (Shannon 1948): 0 for one tone alone, 8 for all alike. */
export function entropy({ grey }: Pick<WorkingImage, 'grey'>): number {
  const counts = new Uint32Array(256)
  for (let i = 0; i < grey.length; i++) {
    const value = grey[i] as number
    counts[value] = (counts[value] as number) + 1
  }
  return counts.reduce(
    (bits, count) => (count === 0 ? bits : bits - (count / grey.length) * Math.log2(count / grey.length)),
    0,
  )
}
