import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import sharp from 'sharp'
import type { KohyaEngine } from '../config/engine.ts'
import type { JobEvent } from '../protocol/events.ts'
import type { DatasetItem, JobOf } from '../protocol/jobs.ts'
import { type BaseDescription, type TrainResult, trainResult } from '../protocol/results.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { sha256File } from '../util/sha256-file.ts'
import type { Run } from '../worker/run.ts'
import { type Checkout, openCheckout } from './checkout.ts'
import { checkoutPython } from './environment.ts'
import { type Expressed, expressTraining } from './express.ts'
import { previewsOf, refuseSeveralLines, writeInputFiles } from './input-files.ts'
import { claimFolder, completeFolder } from './owner-file.ts'
import type { ResultReport } from './reports.ts'
import { RunnerProcess } from './runner-process.ts'
import { Teller } from './teller.ts'

/** A training that a checkout of sd-scripts does. */
export interface KohyaRequest {
  readonly job: JobOf<'train'>
  /** Of each of the job's subsets. */
  readonly items: readonly (readonly DatasetItem[])[]
  readonly base: BaseDescription
  readonly engine: KohyaEngine
  /** Content id of everything that decides the result. */
  readonly config: string
}

const resultFile = 'result.json'

/** What ends a training from outside. */
export interface Ends {
  /** Ends it before its process runs; afterwards the run's own link does. */
  readonly preparing: AbortSignal
  /** Ends its process. */
  readonly closing: AbortSignal
}

/** Does one training; the run tells how it ends. Throws what keeps it from ending by itself. */
export async function doTraining(run: Run, request: KohyaRequest, { preparing, closing }: Ends): Promise<void> {
  const { job, engine } = request
  const expressed = expressTraining(job, request.base)
  refuseSeveralLines(request.items)
  const checkout = await openCheckout(engine)
  const teller = new Teller(run)
  await claimFolder(job.output, { config: request.config, revision: checkout.revision })
  const finished = await finishedResult(job.output)
  if (finished !== null) {
    teller.done(finished)
    return
  }
  const say = (text: string): void => teller.event({ type: 'log-line', stream: 'stdout', text, dropped: 0 })
  const python = await checkoutPython(checkout, engine, { signal: preparing, onProgress: ({ text }) => say(text) })
  preparing.throwIfAborted()
  say(`sd-scripts ${checkout.revision} in ${checkout.home} trains with ${python}`)
  await trainInProcess(run, request, { checkout, python, expressed, closing })
}

interface Means {
  readonly checkout: Checkout
  readonly python: string
  readonly expressed: Expressed
  readonly closing: AbortSignal
}

async function trainInProcess(run: Run, request: KohyaRequest, means: Means): Promise<void> {
  const { job, items, base } = request
  const { checkout, python, expressed, closing } = means
  const child = new RunnerProcess(python, {
    home: checkout.home,
    script: expressed.script,
    trainer: expressed.trainer,
    arguments: await writeInputFiles(job, items, base, expressed),
    output: job.output,
    checkpointEvery: job.settings.checkpointEvery,
    checkpointsKept: job.settings.checkpointsKept,
    resumable: expressed.resumable,
  })
  run.linkTo({
    giveCredit: () => undefined,
    cancel: (_jobId, how) => (how === 'cooperative' ? child.stop() : child.kill('SIGTERM')),
    kill: () => child.kill('SIGKILL'),
  })
  // A run counts the messages of each link from the first on.
  const teller = new Teller(run)
  closing.addEventListener('abort', () => child.kill('SIGKILL'), { once: true })
  try {
    for await (const report of child.reports()) {
      if (report.type === 'result') teller.done(await keepResult(job, report))
      else if (report.type === 'preview-end') await tellPreview(teller, job, report)
      else if (report.type === 'cancelled') teller.cancelled(report.checkpoint)
      else if (report.type === 'failed') teller.failed(report)
      else teller.event(report)
    }
  } finally {
    // Its own children, if it has any, outlive it.
    child.kill('SIGKILL')
  }
}

async function finishedResult(folder: string): Promise<TrainResult | null> {
  const text = await readFile(join(folder, resultFile), 'utf8').catch(() => null)
  return text === null ? null : trainResult.parse(JSON.parse(text))
}

async function keepResult({ output, settings }: JobOf<'train'>, report: ResultReport): Promise<TrainResult> {
  const { type: _type, device, versions, ...facts } = report
  const sha256 = await sha256File(facts.path)
  const { length: bytes } = await readFile(facts.path)
  const result: TrainResult = {
    ...facts,
    type: 'train',
    sha256,
    bytes,
    kind: 'lora',
    approximation: null,
    exportedStep: settings.steps,
    heldOutLoss: null,
    series: join(output, 'series.jsonl'),
    // sd-scripts cuts captions without a word.
    truncatedCaptions: 0,
  }
  await completeFolder(output, { device, versions })
  await atomicWrite(join(output, resultFile), JSON.stringify(result))
  return result
}

async function tellPreview(
  teller: Teller,
  { settings }: JobOf<'train'>,
  { step, path }: { readonly step: number; readonly path: string },
): Promise<void> {
  // As sd-scripts names them: name, step, position, time of day, seed.
  const index = Number(/_(\d+)_\d{14}(?:_\d+)?\.png$/.exec(basename(path))?.[1] ?? 0)
  const preview = previewsOf(settings)[index]
  if (preview === undefined) return
  const { data, info } = await sharp(path).removeAlpha().raw().toBuffer({ resolveWithObject: true })
  const event: JobEvent = {
    type: 'image-end',
    index,
    step,
    ...preview,
    width: info.width,
    height: info.height,
    blob: 0,
  }
  teller.event(event, data)
}
