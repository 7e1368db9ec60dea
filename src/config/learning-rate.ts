import { z } from 'zod'

/** A positive learning rate, the step size of the optimizer. */
export const learningRate = z.number().positive().finite()
