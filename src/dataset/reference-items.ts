import { RandomStream } from '../util/random.ts'

/** Which images of a dataset others are compared with: so many of them, or all it has, drawn by its own hash. */
export function referenceItems(
  dataset: { readonly sha256: string; readonly images: number },
  wanted: number,
): number[] {
  const order = new RandomStream('reference', dataset.sha256).shuffle([...Array(dataset.images).keys()])
  return order.slice(0, wanted).sort((a, b) => a - b)
}
