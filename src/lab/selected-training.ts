import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Adapter } from '../artefact/adapter.ts'
import type { ControlNet } from '../artefact/control-net.ts'
import { type Measurement, type Measurements, readMeasurements, writeMeasurements } from '../artefact/measurements.ts'
import { runFile, runFiles, stepFolder } from '../artefact/run-folder.ts'
import { writeMetric } from '../artefact/series.ts'
import type { MeasuredPicture } from '../config/metric.ts'
import { ArtefactError, ConfigError, JobError } from '../errors/index.ts'
import type { TrainResult } from '../protocol/results.ts'
import { takeLock } from '../util/file-lock.ts'
import { sha256File } from '../util/sha256-file.ts'
import type { RunStream } from '../worker/index.ts'
import { type BestByMetric, describeMetric, promptsOf } from './best.ts'
import type { Chain } from './chained-run.ts'
import { JobRun } from './job-run.ts'
import { embeddedClassifier } from './jobs.ts'
import type { Base, SampleOptions, SampleRun } from './lab.ts'
import { type MeasurePlace, measurePictures } from './measure-pictures.ts'
import type { TrainPlan } from './train.ts'
import type { TrainEvent } from './training.ts'
import { openResult, outcomeOf, type ResultPlace } from './training-record.ts'

/** What a training by a metric needs of its lab. */
export interface SelectionPlace extends ResultPlace, MeasurePlace {
  readonly submit: (plan: TrainPlan) => RunStream<TrainResult>
  readonly sample: (request: SampleOptions) => SampleRun
}

/** Where a training and its metric stand. */
interface Selection {
  readonly plan: TrainPlan
  readonly best: BestByMetric
  readonly place: SelectionPlace
  readonly chain: Chain<TrainEvent>
  /** Grows step by step; what is written down is this. */
  readonly found: Measurements
}

/**
 * Trains up to a step, writes the result of then, draws with it as anybody would, measures, and goes on from the
 * checkpoint; the best result becomes that of the training. All of it lasts beyond the process: the same request goes on
 * where it was. Rejects with what training, drawing and measuring reject with, and ArtefactError (`folder-in-use`,
 * `config-changed`, `broken-measurements`, `chosen-result-missing`).
 */
export async function trainByMetric(
  plan: TrainPlan,
  best: BestByMetric,
  place: SelectionPlace,
  chain: Chain<TrainEvent>,
): Promise<{ readonly result: TrainResult; readonly values: readonly Measurement[] }> {
  const folder = plan.job.output
  await mkdir(folder, { recursive: true })
  await using _lock = await lockFolder(folder)
  const identity = { config: plan.config, inputs: await inputsOf(best) }
  const found = (await readMeasurements(folder, identity)) ?? { ...identity, measurements: [] }
  const selection: Selection = { plan, best, place, chain, found }
  const before = found.measurements.at(-1)?.step ?? 0
  while (!isOver(selection)) await takeSteps(selection)
  return finish(selection, before)
}

/** The earliest of the best values. */
function bestOf({ best, found }: Selection): Measurement | null {
  const sign = describeMetric(best.metric).better === 'higher' ? 1 : -1
  return found.measurements.reduce<Measurement | null>(
    (chosen, other) => (chosen !== null && sign * other.value <= sign * chosen.value ? chosen : other),
    null,
  )
}

/** Whether all steps are taken, or patience has run out. */
function isOver(selection: Selection): boolean {
  const { best, plan, found } = selection
  const last = found.measurements.at(-1)
  const chosen = bestOf(selection)
  if (last === undefined || chosen === null) return false
  if (last.step >= plan.job.settings.steps) return true
  return best.patience !== null && last.step - chosen.step >= best.patience * best.every
}

async function takeSteps(selection: Selection): Promise<void> {
  const { plan, best, place, chain, found } = selection
  const { job } = plan
  const step = Math.min((found.measurements.at(-1)?.step ?? 0) + best.every, job.settings.steps)
  const run = chain.follow(
    () =>
      new JobRun<TrainResult, TrainResult>({
        submit: () => place.submit({ ...plan, job: { ...job, pauseAfter: step } }),
        finish: (result) => result,
      }),
  )
  for await (const event of run) chain.emit(event)
  const paused = await run.result
  const value = await measure(selection, step, paused)
  const result = outcomeOf(paused, pausedFolder(job.output, step))
  found.measurements.push({ step, value, result })
  await writeMeasurements(job.output, found)
  await writeValues(selection)
  const { metric } = describeMetric(best.metric)
  const isBest = bestOf(selection)?.step === step
  chain.emit({ type: 'metric-end', step, total: job.settings.steps, metric, value, best: isBest })
  await forgetOthers(selection)
}

function writeValues({ plan, found }: Selection): Promise<void> {
  const values = new Map(found.measurements.map(({ step, value }) => [step, value]))
  return writeMetric(runFile(plan.job.output, 'series'), values)
}

async function measure(selection: Selection, step: number, paused: TrainResult): Promise<number> {
  const { plan, best, place, chain } = selection
  try {
    const trained = await openResult(paused, paused.path, place)
    return await measurePictures(best, await draw(selection, step, trained), place, chain)
  } catch (error) {
    if (!(error instanceof JobError) || error.code !== 'job-cancelled') throw error
    const checkpoint = join(runFile(plan.job.output, 'checkpoints'), stepFolder(step))
    throw new JobError({
      code: error.code,
      message: `The training was cancelled while it was measured after step ${step}. Ask for the same again: it goes on from there.`,
      facts: { ...error.facts, resumable: true, checkpoint },
      cause: error.cause,
    })
  }
}

/** Draws with what the training would give now, into a folder of the step. */
async function draw(
  { plan, best, place, chain }: Selection,
  step: number,
  trained: Adapter | ControlNet | Base,
): Promise<MeasuredPicture[]> {
  const { settings, output } = plan.job
  const { text, zeroTerminalSnr, ...sampling } = best.sampling
  const prompts = promptsOf(best.metric)
  const request: SampleOptions = {
    ...sampling,
    text: text ?? settings.text,
    zeroTerminalSnr: zeroTerminalSnr || settings.objective.zeroTerminalSnr,
    base: trained.type === 'base' ? trained : plan.base,
    adapters: trained.type === 'adapter' ? [trained] : [],
    controls: trained.type === 'control-net' ? [{ file: trained.file, picture: best.control ?? undefined }] : [],
    prompts,
    seeds: best.seeds,
    negativePrompt: best.negativePrompt,
  }
  const folder = join(runFile(output, 'measured'), stepFolder(step))
  await mkdir(folder, { recursive: true })
  const run = chain.follow(() => place.sample(request))
  for await (const event of run) if (event.type !== 'image-end') chain.emit(event)
  return Promise.all(
    (await run.result).map(async (image, i) => {
      const file = join(folder, `${String(i).padStart(4, '0')}.png`)
      await image.save(file)
      const { prompt, seed, width, height } = image
      return { prompt, seed, file, width, height }
    }),
  )
}

/** Makes the best result that of the training. */
async function finish(selection: Selection, before: number): ReturnType<typeof trainByMetric> {
  const { plan, found } = selection
  const folder = plan.job.output
  const [last, chosen] = [found.measurements.at(-1), bestOf(selection)]
  if (last === undefined || chosen === null) throw new TypeError('a training by a metric is over after its last value')
  // Steps that were taken again, after a checkpoint that was not whole, have lost theirs.
  await writeValues(selection)
  await moveResult(pausedFolder(folder, chosen.step), folder)
  const path = join(folder, chosen.result.path)
  if ((await stat(path).catch(() => null)) === null) {
    throw new ArtefactError({
      code: 'chosen-result-missing',
      message: `${path} is missing: it holds step ${chosen.step}, which the metric found best. Put it back, or train into a new folder.`,
      facts: { path, step: chosen.step },
    })
  }
  await rm(runFile(folder, 'paused'), { recursive: true, force: true })
  const { kind, sha256, bytes, approximation, heldOutLoss } = chosen.result
  const first = found.measurements.find(({ step }) => step > before) ?? last
  const result: TrainResult = {
    type: 'train',
    ...last.result,
    ...{ kind, sha256, bytes, approximation, heldOutLoss, path, exportedStep: chosen.step },
    resumedFrom: first.result.resumedFrom,
    peakMemoryBytes: Math.max(...found.measurements.map((one) => one.result.peakMemoryBytes)),
  }
  return { result, values: found.measurements }
}

/** A result is all that lies in its folder: beside a checkpoint file is its tokenizer. */
async function moveResult(from: string, to: string): Promise<void> {
  // None is there when it was moved before.
  for (const name of await readdir(from).catch((): string[] => [])) {
    if (name === pausedResult || name.startsWith('.')) continue
    await rm(join(to, name), { recursive: true, force: true })
    await rename(join(from, name), join(to, name))
  }
}

/** What the worker writes beside the result of a pause, to know that it is finished. */
const pausedResult = 'result.json'

/** Only the best result so far may still be needed. */
async function forgetOthers(selection: Selection): Promise<void> {
  const { plan, found } = selection
  const chosen = bestOf(selection)
  for (const { step } of found.measurements) {
    if (step !== chosen?.step) await rm(pausedFolder(plan.job.output, step), { recursive: true, force: true })
  }
}

function pausedFolder(folder: string, step: number): string {
  return join(folder, runFiles.paused, stepFolder(step))
}

/** Files whose content decides values. */
async function inputsOf({ metric, classifier, control }: BestByMetric): Promise<Record<string, string>> {
  const files = {
    ...(metric.type === 'custom' ? {} : { classifier: classifier ?? embeddedClassifier() }),
    ...(control === null ? {} : { control }),
  }
  const hashes = Object.entries(files).map(async ([name, file]) => {
    const sha256 = await sha256File(file).catch((cause: unknown) => {
      throw new ConfigError({
        code: `${name}-missing`,
        message: `${file} cannot be read, and the metric needs it. Name a file that exists as best.${name}.`,
        facts: { file },
        cause,
      })
    })
    return [name, sha256] as const
  })
  return Object.fromEntries(await Promise.all(hashes))
}

async function lockFolder(folder: string) {
  const taken = await takeLock(join(folder, '.selecting'))
  if ('release' in taken) return taken
  throw new ArtefactError({
    code: 'folder-in-use',
    message: `Process ${taken.pid} on ${taken.host} trains into ${folder}. Wait for it or choose another folder.`,
    facts: { folder, pid: taken.pid, host: taken.host },
  })
}
