import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { ensureEnvironment } from '../../src/worker/environment.ts'
import { startWorker, type Worker } from '../../src/worker/index.ts'
import { type BareSocket, openBareSocket, seconds } from './bare-socket.ts'
import { type Comparison, interleave, median } from './interleave.ts'

const packageFolder = fileURLToPath(new URL('../../python-worker', import.meta.url))
/** The real worker, with jobs that only emit. */
const emittingWorker = fileURLToPath(new URL('../../test/worker/fixtures/scripted.py', import.meta.url))
const imageCount = 100
const eventCount = 2000

const { python } = await ensureEnvironment({ test: true, onProgress: ({ text }) => console.error(text) })
await measureWire()
await measureWorker('training', 'peft + diffusers')
await measureWorker('sampling', 'the diffusers pipeline')

/** Round trips, images and events of the SDK, beside a bare socket in the same run. */
async function measureWire(): Promise<void> {
  await using bare = await openBareSocket(python)
  await using worker = await startWorker({ python, packageFolder, entry: [emittingWorker] })
  const trip = await interleave(
    async () => (await worker.ping()) / 1000,
    () => bare.roundTrip(),
    500,
  )
  console.log(`round trip: SDK ${micro(trip.ours)}, bare echo ${micro(trip.bare)}, ratio ${trip.ratio.toFixed(2)}`)
  for (const side of [64, 512]) printImages(side, await compareImages(worker, bare, side))
  const runs: number[] = []
  for (let i = 0; i < 5; i++) runs.push(await seconds(() => drain(worker, `steps:${eventCount}`)))
  console.log(`events: ${micro(median(runs) / eventCount)} a step, from the worker's emit to the reader`)
}

function compareImages(worker: Worker, bare: BareSocket, side: number): Promise<Comparison> {
  return interleave(
    () => seconds(() => drain(worker, `images:${imageCount}/${side}`)),
    () => bare.images(imageCount, side),
    5,
  )
}

function printImages(side: number, { ours, bare, ratio }: Comparison): void {
  const rate = (time: number): string => `${(imageCount / time).toFixed(0)} images/s`
  console.log(
    `${side}x${side} images to Node: SDK ${rate(ours)}, bare socket ${rate(bare)}, time ratio ${ratio.toFixed(2)}`,
  )
}

/** Runs a script of the emitting worker and reads all that it tells. */
async function drain(worker: Worker, script: string): Promise<void> {
  const run = worker.submit({ type: 'inspect-base', base: `script:${script}` })
  for await (const _event of run);
  await run
}

/** Our training or sampling beside the plain libraries, measured in one Python process. */
async function measureWorker(module: 'training' | 'sampling', counterpart: string): Promise<void> {
  const { stdout } = await execa(python, ['-m', `benchmarks.${module}`], { cwd: packageFolder, stdin: 'ignore' })
  console.log(`${module} against ${counterpart} (ratio above 1: ours is faster):`)
  console.log(JSON.stringify(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''), null, 2))
}

function micro(time: number): string {
  return `${(time * 1e6).toFixed(0)} µs`
}
