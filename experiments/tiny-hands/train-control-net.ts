import path from 'node:path'
import { parseArgs } from 'node:util'
import { catchInterrupts, controlNet, openLab, renderHands } from 'phalanx'

/**
 * Trains the depth ControlNet of `tiny-hands` through the lab, on renders and their exact depth. Stopped at any time, it
 * goes on from the newest checkpoint.
 */
const { values } = parseArgs({
  options: {
    work: { type: 'string', default: 'phalanx-lab/tiny-hands-depth' },
    renders: { type: 'string', default: '4000' },
    steps: { type: 'string', default: '1600' },
  },
})
const work = path.resolve(values.work)
/** Of the held-out renders; those of the training set begin at 0. */
const firstHeldOutSeed = 1_000_000
const heldOutRenders = 96

using interrupt = catchInterrupts(() => console.log('Stopping after this step, with a checkpoint.'))
await using lab = await openLab({ folder: work, onProgress: ({ text }) => console.log(text) })
const base = await lab.base('tiny-hands')
const training = await renders('training', Number(values.renders), 0)
const heldOut = await renders('held-out', heldOutRenders, firstHeldOutSeed)

const run = lab.train(
  {
    base,
    dataset: training,
    heldOut: { dataset: heldOut, every: 250 },
    name: 'tiny-hands-depth',
    technique: controlNet({ channels: [16, 32, 64], weights: 'float16' }),
    steps: Number(values.steps),
    batchSize: 16,
    seed: 0,
    precision: 'bfloat16',
    captionDropout: 0.3,
    optimizer: { learningRate: 5e-4 },
    schedule: { type: 'cosine', warmupSteps: 60 },
    emaDecay: 0.998,
    checkpointEvery: 100,
  },
  interrupt,
)
for await (const event of run) {
  if (event.type !== 'step-end') continue
  if (event.heldOutLoss !== null) console.log(`${event.step} held-out loss ${event.heldOutLoss.toFixed(4)}`)
  if (event.step % 25 === 0) console.log(`${event.step}/${event.total} loss ${event.loss.toFixed(4)}`)
}
console.log((await run.result).file)

async function renders(name: string, count: number, seed: number) {
  const folder = path.join(work, 'renders', name)
  await renderHands(
    folder,
    { count, size: base.description.imageSize, seed, control: 'depth' },
    { signal: interrupt.signal, onProgress: (done) => done % 500 === 0 && console.log(`${done} renders`) },
  )
  return lab.dataset(folder)
}
