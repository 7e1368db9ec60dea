import { z } from 'zod'
import { adaptedLayers, alpha, dropout, rank } from './adapted-layers.ts'

/** Dropout as LyCORIS has it for products: it drops from the change of a weight, in the same way for all rows of a step. */
const productDropout = {
  /** Probability with which a change leaves out an output of its layer in a training step; the others do not grow for it. */
  rankDropout: dropout,
  /** Probability with which a layer is not adapted in a training step. */
  moduleDropout: dropout,
}

/**
 * LoHa (Hyeon-Woo et al., 2022; Yeh et al., 2024): every matched layer W gets
 * W + alpha / rank * (w1_a @ w1_b) * (w2_a @ w2_b), the second product taken element by element. The change reaches the
 * rank `rank` squared with the parameters of two LoRAs. File and start are those of LyCORIS (`algo=loha`).
 */
export const lohaTechnique = z
  .strictObject({
    type: z.literal('loha'),
    /** Width of both bottlenecks of linear layers and 1x1 convolutions. */
    rank: rank.default(8),
    /** Scale numerator; the change is multiplied by alpha / rank. */
    alpha: alpha.default(4),
    ...adaptedLayers,
    ...productDropout,
  })
  .meta({ id: 'LohaTechnique' })

/**
 * LoKr (Edalati et al., 2022; Yeh et al., 2024): every matched layer W gets W + the Kronecker product of a small matrix
 * w1 with alpha / rank * (w2_a @ w2_b). File, factors and start are those of LyCORIS (`algo=lokr`).
 */
export const lokrTechnique = z
  .strictObject({
    type: z.literal('lokr'),
    /**
     * Width of the bottleneck of the larger matrix. A rank of half its longer side or more leaves the matrix whole, where
     * neither rank nor alpha has a meaning; null leaves all of them whole (`full_matrix`).
     */
    rank: rank.nullable().default(4),
    /** Scale numerator; the change is multiplied by alpha / rank. */
    alpha: alpha.default(4),
    /**
     * Side of the small matrix: of the divisors of a layer's width, the nearest to it from below; null takes the nearest
     * to the width's square root.
     */
    factor: z.int().min(2).max(1024).nullable().default(null),
    ...adaptedLayers,
    ...productDropout,
  })
  .meta({ id: 'LokrTechnique' })
