import type { WorkingImage } from './working-image.ts'

/**
 * Standard deviation of the Laplacian (4 times a pixel less its four neighbours) of the luma, the border left out: small
 * where nothing is sharp (Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", which takes its square).
 */
export function sharpness({ grey, width, height }: Pick<WorkingImage, 'grey' | 'width' | 'height'>): number {
  let [sum, squares] = [0, 0]
  for (let y = 1; y < height - 1; y++) {
    for (let x = 1, at = y * width + 1; x < width - 1; x++, at++) {
      const around =
        (grey[at - 1] as number) +
        (grey[at + 1] as number) +
        (grey[at - width] as number) +
        (grey[at + width] as number)
      const value = 4 * (grey[at] as number) - around
      sum += value
      squares += value * value
    }
  }
  const count = Math.max(1, (width - 2) * (height - 2))
  return Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2))
}
