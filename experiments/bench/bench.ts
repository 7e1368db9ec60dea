import { availableParallelism, loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { startWorker, type Worker } from '../../src/worker/index.ts'
import { type BareSocket, openBareSocket, seconds } from './bare-socket.ts'
import { interleave, median } from './interleave.ts'
import { type Row, tableOf } from './table.ts'

const packageFolder = fileURLToPath(new URL('../../python-worker', import.meta.url))
/** The real worker, with jobs that only emit. */
const emittingWorker = fileURLToPath(new URL('../../test/worker/fixtures/scripted.py', import.meta.url))
const imageCount = 100
/** Fewer than a reader may lag behind, so that none is dropped. */
const eventCount = 200
/** Both sides are compiled by then. */
const warmUpTrips = 2000

/** What a module of `python-worker/benchmarks` prints. */
interface Measured {
  readonly rows: readonly {
    readonly what: string
    readonly unit: string
    readonly ours: number
    readonly theirs: number
    readonly ratio: number
    readonly processorRatio: number
  }[]
}

const { python } = await ensureEnvironment({ test: true, onProgress: ({ text }) => console.error(text) })
const load = (): string => loadavg()[0]?.toFixed(1) ?? '?'
const loadBefore = load()
const wire = await measureWire()
const training = await measureWorker('training')
const sampling = await measureWorker('sampling')
const step = 1 / (training.rows.at(-1)?.ours ?? Number.NaN)
const rows: Row[] = [
  ...wire.rows,
  {
    what: 'a step event, emitted until read',
    ours: micro(wire.event),
    peer: `a step: ${micro(step)}`,
    ratio: `${((100 * wire.event) / step).toFixed(2)} %`,
    aim: '< 1 %',
  },
  ...training.rows.map((row) => rowOf(row, 'peft + diffusers')),
  ...sampling.rows.map((row) => rowOf(row, 'diffusers')),
]
console.log(
  `Medians of pairs measured in turn, on ${availableParallelism()} cores, load ${loadBefore} before and ${load()} after.`,
)
console.log(tableOf(rows))
console.log(
  'Ratios of the first rows are ours / peer in time; of training and sampling peer / ours, by the clock and in ' +
    'processor time. On a busy machine the threads of the peer spin while they wait: read the ratios at a load below 2.',
)

/** Round trips, images and events of the SDK, beside a bare socket in the same run. */
async function measureWire(): Promise<{ rows: Row[]; event: number }> {
  await using bare = await openBareSocket(python)
  await using worker = await startWorker({ python, packageFolder, entry: [emittingWorker] })
  for (let i = 0; i < warmUpTrips; i++) await Promise.all([worker.ping(), bare.roundTrip()])
  const trip = await interleave(
    async () => (await worker.ping()) / 1000,
    () => bare.roundTrip(),
    500,
  )
  const times = { ours: micro(trip.ours), peer: `bare echo: ${micro(trip.bare)}`, ratio: trip.ratio.toFixed(2) }
  const rows: Row[] = [{ what: 'round trip of the SDK', ...times, aim: '<= 1.5' }]
  for (const side of [64, 512]) rows.push(await imagesRow(worker, bare, side))
  const runs: number[] = []
  for (let i = 0; i < 15; i++) runs.push(await seconds(() => drain(worker, `steps:${eventCount}`)))
  return { rows, event: median(runs) / eventCount }
}

async function imagesRow(worker: Worker, bare: BareSocket, side: number): Promise<Row> {
  const found = await interleave(
    () => seconds(() => drain(worker, `images:${imageCount}/${side}`)),
    () => bare.images(imageCount, side),
    9,
  )
  const rate = (time: number): string => `${(imageCount / time).toFixed(0)} images/s`
  return {
    what: `images of ${side}x${side} to Node`,
    ours: rate(found.ours),
    peer: `bare socket: ${rate(found.bare)}`,
    ratio: found.ratio.toFixed(2),
    aim: '',
  }
}

/** Runs a script of the emitting worker and reads all that it tells. */
async function drain(worker: Worker, script: string): Promise<void> {
  const run = worker.submit({ type: 'inspect-base', base: `script:${script}` })
  for await (const _event of run);
  await run
}

/** Our training or sampling beside the plain libraries, measured in one Python process. */
async function measureWorker(module: 'training' | 'sampling'): Promise<Measured> {
  const { stdout } = await execa(python, ['-m', `benchmarks.${module}`], {
    cwd: packageFolder,
    stdin: 'ignore',
  })
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured
}

function rowOf({ what, unit, ours, theirs, ratio, processorRatio }: Measured['rows'][number], peer: string): Row {
  return {
    what,
    ours: `${ours.toFixed(2)} ${unit}`,
    peer: `${peer}: ${theirs.toFixed(2)} ${unit}`,
    ratio: `${ratio.toFixed(2)}, ${processorRatio.toFixed(2)}`,
    aim: '>= 1.3',
  }
}

function micro(time: number): string {
  return `${(time * 1e6).toFixed(0)} µs`
}
