import { z } from 'zod'

/** Parts of a base whose modules a technique may change. */
export const basePart = z.enum(['unet', 'text-encoder'])
export type BasePart = z.output<typeof basePart>
