import { z } from 'zod'
import { captionTemplates } from './caption-templates.ts'

/** A new token that learns its input embeddings. */
export const learnedToken = z
  .strictObject({
    /** The new token; must not be in the vocabulary. In prompts it stands for all its vectors, wherever it is. */
    placeholder: z.string().min(1).max(64).default('<hand>'),
    /**
     * A word or phrase of the vocabulary whose embeddings are the start; null starts at random vectors that are
     * distributed like the vocabulary's. A phrase of fewer tokens than `vectors` is repeated, one of more is refused.
     */
    initialWord: z.string().min(1).max(256).nullable().default('hand'),
    /** Embeddings of the token, each of which takes one place of the prompt. */
    vectors: z.int().min(1).max(64).default(1),
  })
  .meta({ id: 'LearnedToken' })

const learnedTokens = z.array(learnedToken).min(1).max(64)
const templateTexts = z.array(z.string().includes('{}').max(512)).min(1)
const templateSet = z.enum(['object', 'style', 'hands'])

/**
 * What is done to the length of each vector after every step: nothing (`none`), back to the length it started with
 * (`initial`), or into the range of the vocabulary's lengths (`vocabulary`). With a moving average, the result is an
 * average of such vectors, which may be a little shorter.
 */
const norm = z.enum(['none', 'initial', 'vocabulary']).default('none')

/** Textual inversion (Gal et al., 2022): learns the input embeddings of new tokens and nothing else. */
export const textualInversionTechnique = z
  .strictObject({
    type: z.literal('textual-inversion'),
    /** One token, or several that are learned together. */
    tokens: z
      .union([learnedToken, learnedTokens])
      .transform((tokens): z.input<typeof learnedTokens> => (Array.isArray(tokens) ? tokens : [tokens]))
      .pipe(learnedTokens)
      .prefault({}),
    /**
     * Training captions, or the name of a set of them; `{}` stands for the placeholder, or for all of them with commas
     * between. The dataset's own captions are not used.
     */
    templates: z
      .union([templateSet, templateTexts])
      .transform((templates) => (typeof templates === 'string' ? [...captionTemplates[templates]] : templates))
      .pipe(templateTexts)
      .prefault('object'),
    norm,
  })
  .meta({ id: 'TextualInversionTechnique' })

/**
 * A negative embedding, trained as such: what guidance leads away from. The captions of the dataset stay in the
 * conditional branch, and the new token is all that the unconditional branch reads. Minimised is the objective's
 * distance between the training's target and what guidance predicts,
 * `unconditional + guidance * (conditional - unconditional)`, so that leading away from the token brings the prediction
 * nearer to the images. Used as `negativePrompt: '<bad-hands>'`.
 *
 * Embeddings shared for this use, such as EasyNegative and bad-hands, are as a rule plain textual inversions of bad
 * images, and hope that guidance away from them helps. Both branches of guidance are part of the training in DreamArtist
 * (Dong et al., 2022), which learns a positive and a negative embedding together from a single image; here the positive
 * side is the caption and stays as it is.
 */
export const negativeEmbeddingTechnique = z
  .strictObject({
    type: z.literal('negative-embedding'),
    /** The new token; must not be in the vocabulary. */
    placeholder: z.string().min(1).max(64).default('<bad-hands>'),
    /**
     * A word or phrase whose embeddings are the start, or null for random vectors, as in textual inversion. Empty text
     * starts at the tokenizer's padding, so that in SD 1 the token begins as the empty negative prompt.
     */
    initialWord: z.string().max(256).nullable().default(''),
    /** Embeddings of the token, each of which takes one place of the negative prompt. */
    vectors: z.int().min(1).max(64).default(4),
    /**
     * Guidance in training. The larger it is, the less the token needs to differ from the captions to correct the
     * prediction, so that a large one learns something like the captions, which weakens guidance in sampling.
     */
    guidance: z.number().gt(1).max(100).default(3),
    norm,
  })
  .meta({ id: 'NegativeEmbeddingTechnique' })

/** A token with every field present. */
export type LearnedToken = z.output<typeof learnedToken>
/** A token as a user writes it: fields with defaults may be left out. */
export type LearnedTokenInput = z.input<typeof learnedToken>
/** How textual inversion is asked for: the fields of one token, or `tokens`. */
export type TextualInversionOptions = Omit<z.input<typeof textualInversionTechnique>, 'type' | 'tokens'> &
  (LearnedTokenInput | { readonly tokens: readonly LearnedTokenInput[] })
