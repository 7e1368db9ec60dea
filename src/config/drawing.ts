import { z } from 'zod'
import { prompt, samplingSettings, seed } from './sampling.ts'
import { textSettings } from './text.ts'

/** How pictures are drawn during a training, always the same way, so that they differ by the weights alone. */
export const drawing = z.strictObject({
  /** What guidance leads away from, in all of them. */
  negativePrompt: prompt.default(''),
  /** Every prompt is drawn with every seed. */
  seeds: z.array(seed).min(1).max(64).default([1]),
  /** How they are drawn; without `text` they are read as the captions are. */
  sampling: samplingSettings
    .extend({ text: textSettings.nullable().default(null) })
    .meta({ id: 'PreviewSampling' })
    .prefault({}),
  /** Path of the picture that controls them while a ControlNet is trained, which needs one. */
  control: z.string().min(1).nullable().default(null),
})
