import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { z } from 'zod'
import { ConfigError, WorkerError } from '../../src/errors/index.ts'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { type Row, tableOf } from './table.ts'

const packageFolder = fileURLToPath(new URL('../../python-worker', import.meta.url))
const measured = z.strictObject({
  family: z.string(),
  technique: z.string(),
  side: z.enum(['ours', 'diffusers', 'sd-scripts']),
  stepsPerSecond: z.number().positive().nullable(),
  peakBytes: z.int().nullable(),
  error: z.string().nullable(),
})
type Measured = z.output<typeof measured>
const printed = z.union([
  z.strictObject({ benchmark: z.literal('gpu'), error: z.strictObject({ code: z.string(), message: z.string() }) }),
  z.strictObject({
    benchmark: z.literal('gpu'),
    device: z.string(),
    torch: z.string(),
    missing: z.string().nullable(),
    rows: z.array(measured),
  }),
])

/**
 * Steps per second and peak memory of every technique in bfloat16, beside diffusers' scripts and, where `KOHYA_HOME`
 * and `KOHYA_PYTHON` are set, sd-scripts: a table. `options` are those of `benchmarks/gpu.py`.
 *
 * Throws ConfigError when there is no GPU, WorkerError (`benchmark-failed`) when it ends otherwise.
 */
export async function benchGpu(options: readonly string[]): Promise<string> {
  const { python } = await ensureEnvironment({ test: true, onProgress: ({ text }) => console.error(text) })
  const { stdout, exitCode } = await execa(python, ['-m', 'benchmarks.gpu', ...options], {
    cwd: packageFolder,
    stdin: 'ignore',
    stderr: 'inherit',
    reject: false,
  })
  const last = stdout.trim().split('\n').at(-1) ?? ''
  if (exitCode !== 0 && !last.startsWith('{')) {
    const message = `The benchmark ended with code ${exitCode}. What it said is above.`
    throw new WorkerError({ code: 'benchmark-failed', message, facts: { exitCode } })
  }
  const found = printed.parse(JSON.parse(last))
  if ('error' in found) throw new ConfigError(found.error)
  const head = `Medians on ${found.device} with torch ${found.torch}, bfloat16; ratios are ours / peer in steps per second.`
  const missing = found.missing === null ? [] : [`Without sd-scripts: ${found.missing}.`]
  return [head, tableOf(rowsOf(found.rows)), ...missing].join('\n')
}

function rowsOf(rows: readonly Measured[]): Row[] {
  return rows
    .filter(({ side }) => side !== 'ours')
    .map((peer) => {
      const ours = rows.find(
        ({ side, family, technique }) => side === 'ours' && family === peer.family && technique === peer.technique,
      )
      const ratio = (ours?.stepsPerSecond ?? Number.NaN) / (peer.stepsPerSecond ?? Number.NaN)
      return {
        what: `${peer.family} ${peer.technique}`,
        ours: ours === undefined ? '' : told(ours),
        peer: `${peer.side}: ${told(peer)}`,
        ratio: Number.isNaN(ratio) ? '' : ratio.toFixed(2),
        aim: '',
      }
    })
}

function told({ stepsPerSecond, peakBytes, error }: Measured): string {
  if (stepsPerSecond === null) return error ?? ''
  const memory = peakBytes === null ? '' : `, ${(peakBytes / 2 ** 30).toFixed(1)} GiB`
  return `${stepsPerSecond.toFixed(2)} steps/s${memory}`
}
