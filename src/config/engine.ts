import { z } from 'zod'

/** kohya's sd-scripts, in a checkout of the user's and an environment of its own. */
export const kohyaEngine = z
  .strictObject({
    type: z.literal('kohya'),
    /** Folder of the checkout; the environment variable KOHYA_HOME by default. */
    home: z.string().min(1).optional(),
    /** Interpreter that has what the checkout needs; an environment made from its requirements on first use by default. */
    python: z.string().min(1).optional(),
  })
  .meta({ id: 'KohyaEngine' })
export type KohyaEngine = z.output<typeof kohyaEngine>

/** What takes a training's steps: this package's worker, or a checkout of sd-scripts. */
export const engine = z.union([z.literal('phalanx'), z.literal('kohya'), kohyaEngine])
export type Engine = z.output<typeof engine>
