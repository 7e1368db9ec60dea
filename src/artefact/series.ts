import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'

const seriesLine = z.strictObject({
  /** 1-based. */
  step: z.int(),
  /** Null when the step was skipped, because its gradients overflowed float16. */
  loss: z.number().nullable(),
  learningRate: z.number(),
  /** Norm of all gradients before clipping; null when the step was skipped. */
  gradientNorm: z.number().nullable(),
  seconds: z.number(),
  /** Mean loss over the held-out images after this step, where it was measured. */
  heldOutLoss: z.number().nullable().default(null),
  /** With masks, mean loss on them and off them. */
  onMaskLoss: z.number().nullable().default(null),
  offMaskLoss: z.number().nullable().default(null),
  /** What the metric that chooses the result found after this step, where it was taken. */
  metric: z.number().nullable().default(null),
})

/** One optimizer step of a training. */
export type SeriesLine = z.output<typeof seriesLine>

/**
 * The loss series of a training, `series.jsonl`. A last line that is being written, or was when the writer was killed,
 * is left out. Throws ArtefactError (`missing-file`, `broken-series`).
 */
export async function readSeries(path: string): Promise<SeriesLine[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new ArtefactError({
      code: 'missing-file',
      message: `${path} cannot be read. Name the series file of a training that has begun.`,
      facts: { path },
      cause,
    })
  })
  const whole = text.slice(0, text.lastIndexOf('\n') + 1)
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => parseLine(line, i + 1, path))
}

/** Writes values of a metric into the lines of their steps. Throws as {@link readSeries}. */
export async function writeMetric(path: string, values: ReadonlyMap<number, number>): Promise<void> {
  const lines = await readSeries(path)
  const written = lines.map((line) => ({ ...line, metric: values.get(line.step) ?? null }))
  await atomicWrite(path, written.map((line) => `${JSON.stringify(line)}\n`).join(''))
}

function parseLine(line: string, number: number, path: string): SeriesLine {
  try {
    return seriesLine.parse(JSON.parse(line))
  } catch (cause) {
    throw new ArtefactError({
      code: 'broken-series',
      message: `Line ${number} of ${path} is not a training step. Train into a new folder.`,
      facts: { path, line: number },
      cause,
    })
  }
}
