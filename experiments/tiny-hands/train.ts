import { stat } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { autoencoder, type Base, catchInterrupts, full, openLab, type TrainRun } from 'phalanx'

/**
 * Trains `tiny-hands` from nothing through the lab: an untrained base whose vocabulary is that of the captions, its
 * autoencoder, then UNet and text encoder. Stopped at any time, it goes on from the newest checkpoint.
 */
const { values } = parseArgs({
  options: {
    dataset: { type: 'string' },
    work: { type: 'string', default: 'phalanx-lab/tiny-hands' },
    'autoencoder-steps': { type: 'string', default: '4800' },
    'unet-steps': { type: 'string', default: '6000' },
  },
})
if (values.dataset === undefined)
  throw new Error('Say where build-dataset.ts wrote the training set: --dataset <folder>.')
const work = path.resolve(values.work)

using interrupt = catchInterrupts(() => console.log('Stopping after this step, with a checkpoint.'))
await using lab = await openLab({ folder: work, onProgress: ({ text }) => console.log(text) })
const dataset = await lab.dataset(path.join(values.dataset, 'training'))
const heldOut = { dataset: await lab.dataset(path.join(values.dataset, 'held-out')), every: 250 }
const captions = dataset.items.map(({ caption }) => caption)
const untrained = await createOnce(path.join(work, 'untrained'))

const sharp = await finish(
  lab.train(
    {
      base: untrained,
      dataset,
      heldOut,
      name: 'tiny-hands-autoencoder',
      technique: autoencoder({ klWeight: 1e-4 }),
      steps: Number(values['autoencoder-steps']),
      batchSize: 12,
      seed: 0,
      precision: 'bfloat16',
      optimizer: { learningRate: 1e-3, weightDecay: 0 },
      schedule: { type: 'cosine', warmupSteps: 50 },
      emaDecay: 0.998,
      checkpointEvery: 400,
    },
    interrupt,
  ),
)
const trained = await finish(
  lab.train(
    {
      base: sharp,
      dataset,
      heldOut,
      name: 'tiny-hands',
      technique: full({ weights: 'float16' }),
      steps: Number(values['unet-steps']),
      batchSize: 32,
      seed: 0,
      precision: 'bfloat16',
      flip: true,
      captionDropout: 0.1,
      optimizer: { learningRate: 6e-4 },
      schedule: { type: 'cosine', warmupSteps: 100 },
      emaDecay: 0.999,
      checkpointEvery: 200,
    },
    interrupt,
  ),
)
console.log(trained.folder)

async function createOnce(folder: string): Promise<Base> {
  const present = await stat(folder).catch(() => null)
  return present === null ? lab.createBase({ captions, seed: 20261123, folder }) : lab.base(folder)
}

/** Prints every twenty-fifth step with the time left, and gives the trained base. */
async function finish(run: TrainRun<Base>): Promise<Base> {
  const began = performance.now()
  let first = 0
  for await (const event of run) {
    if (event.type !== 'step-end') continue
    first ||= event.step
    if (event.heldOutLoss !== null)
      console.log(`${run.name} ${event.step} held-out loss ${event.heldOutLoss.toFixed(4)}`)
    if (event.step % 25 !== 0) continue
    const perStep = (performance.now() - began) / 1000 / (event.step - first + 1)
    const left = Math.round(((event.total - event.step) * perStep) / 60)
    console.log(`${run.name} ${event.step}/${event.total} loss ${event.loss.toFixed(4)}, ${left} min left`)
  }
  return run.result
}
