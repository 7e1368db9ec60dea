import { dot, normalised } from './kernel.ts'

/**
 * How a cosine of image and text becomes a score. `clipscore`: 2.5 · max(cos, 0) of a text that begins with "A photo depicts"
 * (Hessel et al., 2021). `percent`: 100 · max(cos, 0), as torchmetrics. `logit`: the cosine times the model's own scale, by
 * which PickScore compares images of one text. `cosine`: as HPS v2 has it.
 */
export type ClipScoreConvention = 'clipscore' | 'percent' | 'logit' | 'cosine'

/** What is embedded for a prompt. */
export function clipScoreText(prompt: string, convention: ClipScoreConvention): string {
  return convention === 'clipscore' ? `A photo depicts ${prompt}` : prompt
}

/**
 * The score of one image with one text, by embeddings of one CLIP. Throws StatisticsError for embeddings of length 0.
 *
 * @param logitScale what the model multiplies cosines with
 */
export function clipScore(
  image: readonly number[],
  text: readonly number[],
  convention: ClipScoreConvention,
  logitScale: number,
): number {
  const cosine = dot(normalised(image), normalised(text))
  switch (convention) {
    case 'clipscore':
      return 2.5 * Math.max(cosine, 0)
    case 'percent':
      return 100 * Math.max(cosine, 0)
    case 'logit':
      return logitScale * cosine
    case 'cosine':
      return cosine
  }
}
