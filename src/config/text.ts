import { z } from 'zod'

/** How prompts and captions are read. */
export const textSettings = z
  .strictObject({
    /**
     * Tokens of a text that are read; what lies beyond is cut, counted and told. The encoder sees windows of 75, each
     * with its own start and end, and their states follow one another, as in A1111 (sd-scripts takes the inner starts
     * and ends out again). A prompt and its negative prompt are filled up to as many windows as the longer one needs;
     * training captions always fill all of them, so that no caption depends on its batch. A window ends after 75
     * tokens, where A1111 by default looks for a comma. A learned token of several vectors is never divided: it begins
     * the next window if it does not fit, as in A1111, and in the last one it is cut whole.
     */
    maxTokens: z.literal([75, 150, 225]).default(75),
    /**
     * Whether brackets weigh words as in A1111: `(word)` by 1.1, `[word]` by 1/1.1, `(word:1.3)` by 1.3, nested ones
     * multiplied; `\(`, `\)`, `\[`, `\]` and `\\` are plain characters; `BREAK` begins a new window. Off by default:
     * brackets are then characters like others, and a prompt that holds some means what it always meant. A token's
     * encoded state is multiplied by its weight, and every window is then scaled back to the mean it had, for each
     * encoder by itself: A1111's "Original" emphasis. SDXL's pooled embedding is not weighed.
     */
    weights: z.boolean().default(false),
    /**
     * Layer of the text encoder whose states are used, counted from its end: 1 is the last, 2 the penultimate. In
     * SD 1 and 2 the encoder's final normalisation follows, as in A1111, sd-scripts and diffusers (whose `clip_skip` is
     * one less). SD 2 counts the layers that its config has, which leaves OpenCLIP's last one out. In SDXL it counts in
     * both encoders, without normalisation, and 2 is what the base was trained with (diffusers' `clip_skip` is two
     * less); its pooled embedding stays that of the last layer. Null takes the layer that the family was trained with.
     */
    clipSkip: z.int().min(1).max(32).nullable().default(null),
  })
  .meta({ id: 'TextSettings' })
export type TextSettings = z.output<typeof textSettings>
