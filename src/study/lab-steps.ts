import { join } from 'node:path'
import { encodePng } from '../artefact/png.ts'
import type { BestOfStudy } from '../config/best.ts'
import type { AdapterReferenceInput } from '../config/sampling.ts'
import { ArtefactError } from '../errors/index.ts'
import type { Base, BestInput, Lab, LabRun, TrainSubset } from '../lab/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import type { Cell, CellAdapter, CellImages, EmbedCell, RepairCell, SampleCell, ScoreCell, TrainCell } from './cell.ts'
import type { CellRecord, TrainRecord } from './cell-record.ts'
import type { CellStore } from './cell-store.ts'
import { openStudyDataset } from './gather-facts.ts'
import type { StudyPlan } from './plan.ts'
import type { StepContext, StepResult } from './run-cells.ts'

/** Does the cells of a plan with a lab. */
export function labSteps(lab: Lab, plan: StudyPlan, store: CellStore) {
  const steps = new LabSteps(lab, plan, store)
  return (cell: Cell, context: StepContext): Promise<StepResult> => {
    switch (cell.kind) {
      case 'train':
        return steps.train(cell, context)
      case 'sample':
        return steps.sample(cell, context)
      case 'repair':
        return steps.repair(cell, context)
      case 'score':
        return steps.score(cell, context)
      case 'embed':
        return steps.embed(cell, context)
    }
  }
}

class LabSteps {
  readonly #lab: Lab
  readonly #plan: StudyPlan
  readonly #store: CellStore

  constructor(lab: Lab, plan: StudyPlan, store: CellStore) {
    this.#lab = lab
    this.#plan = plan
    this.#store = store
  }

  async train(cell: TrainCell, { folder, report, signal }: StepContext): Promise<StepResult> {
    const { base, subsets, settings, best, dreamBooth } = cell.input
    const opened = await Promise.all(
      subsets.map(async ({ dataset, ...how }) => ({
        ...how,
        dataset: await openStudyDataset(this.#lab, this.#plan.study, dataset),
      })),
    )
    const request = {
      ...settings,
      base: await this.#lab.base(base),
      // The name is written into the file, so it must come from the key alone.
      name: `${settings.technique.type}-${cell.key.slice(-12)}`,
      folder,
      ...(best !== null && { best: await this.#bestOf(best) }),
    }
    const run =
      dreamBooth === null
        ? this.#lab.train({ ...request, subsets: opened }, { signal })
        : this.#lab.dreamBooth({ ...request, ...dreamBooth, ...pictures(opened) }, { signal })
    for await (const event of run) if (event.type === 'step-end') report(event.step, event.total, event.loss)
    // A cell tells nothing of the session it ran in, and no study holds images out.
    const { resumedFrom: _session, exportedStep: _last, heldOutLoss: _none, ...result } = (await run.record).result
    return { kind: 'train', result }
  }

  /** What a study names is opened. */
  async #bestOf({ metric, ...how }: BestOfStudy): Promise<BestInput> {
    const { study } = this.#plan
    const opened =
      metric.type === 'kernel-distance'
        ? { ...metric, against: await openStudyDataset(this.#lab, study, metric.against) }
        : metric
    return { ...how, metric: opened, classifier: study.classifier }
  }

  async sample(cell: SampleCell, { folder, needs, report, signal }: StepContext): Promise<StepResult> {
    const { base, adapters, prompt, negativePrompt, seeds, sampling } = cell.input
    const run = this.#lab.sample(
      {
        ...sampling,
        base: await this.#baseOf(base, adapters, needs),
        adapters: adapters.flatMap((adapter) => this.#adapterFile(adapter, needs)),
        requests: seeds.map((seed) => ({ prompt, negativePrompt, seed })),
      },
      { signal },
    )
    await followProgress(run, report)
    const samples = await run
    const images = []
    for (const [i, image] of samples.entries()) {
      const seed = seeds[i] as number
      const file = `${seed}.png`
      await image.save(join(folder, file))
      images.push({ seed, file, width: image.width, height: image.height })
    }
    const { seconds: samplingSeconds, peakMemoryBytes } = samples
    // All images of a cell have one prompt.
    return {
      kind: 'sample',
      images,
      samplingSeconds,
      peakMemoryBytes,
      truncatedTokens: samples.truncatedTokens[0] ?? 0,
    }
  }

  async repair({ input }: RepairCell, { folder, needs, report, signal }: StepContext): Promise<StepResult> {
    const drawn = needs.get(input.of)
    if (drawn?.kind !== 'sample') throw missing(input.of)
    const { type, search, control, ...settings } = input.settings
    const { classifier } = this.#plan.study
    const run = this.#lab.repair(
      {
        ...settings,
        base: await this.#lab.base(input.base),
        images: await this.#imagesOf({ cell: input.of }, needs),
        detail: { type, search, classifier },
        prompt: input.prompt,
        control: control && { ...control, file: (await this.#lab.controlNet(control.file)).file },
      },
      { signal },
    )
    let seconds = 0
    const decisions: string[][] = []
    for await (const event of run) {
      if (event.type !== 'picture-end') continue
      const { image, record } = event.picture
      if (image === null) throw missing(input.of)
      await atomicWrite(join(folder, drawn.images[event.index]?.file ?? ''), await encodePng(image))
      decisions.push(record.details.map(({ decision }) => decision))
      seconds += record.seconds
      report(event.index + 1, event.total, null)
    }
    await run
    const { images, samplingSeconds, peakMemoryBytes, truncatedTokens } = drawn
    return {
      kind: 'repair',
      images,
      samplingSeconds: samplingSeconds + seconds,
      peakMemoryBytes,
      truncatedTokens,
      decisions,
    }
  }

  async score(cell: ScoreCell, { needs, report, signal }: StepContext): Promise<StepResult> {
    const images = await this.#imagesOf(cell.input.images, needs)
    const { classifier } = this.#plan.study
    const run = this.#lab.classify({ images, ...(classifier === null ? {} : { classifier }) }, { signal })
    await followProgress(run, report)
    return { kind: 'score', judgements: (await run).map((judgement) => ({ ...judgement })) }
  }

  async embed(cell: EmbedCell, { folder, needs, report, signal }: StepContext): Promise<StepResult> {
    const { extractor, of } = cell.input
    const file = 'features.safetensors'
    const opened = { extractor: await this.#lab.extractor(extractor, { signal }), file: join(folder, file) }
    const run = this.#lab.features(
      'texts' in of ? { ...opened, texts: of.texts } : { ...opened, images: await this.#imagesOf(of.images, needs) },
      { signal },
    )
    await followProgress(run, report)
    return { kind: 'embed', file, logitScale: (await run).logitScale }
  }

  /** A whole base that was trained takes the place of the one it was trained from. */
  async #baseOf(name: string, adapters: readonly CellAdapter[], needs: ReadonlyMap<string, CellRecord>): Promise<Base> {
    for (const adapter of adapters) {
      const trained = 'cell' in adapter ? trainedBy(adapter.cell, needs) : null
      if (trained?.result.kind === 'base')
        return this.#lab.base(join(this.#store.folder(trained.key), trained.result.path))
    }
    return this.#lab.base(name)
  }

  #adapterFile(adapter: CellAdapter, needs: ReadonlyMap<string, CellRecord>): AdapterReferenceInput[] {
    if ('file' in adapter) return [adapter]
    const { key, result } = trainedBy(adapter.cell, needs)
    return result.kind === 'base'
      ? []
      : [{ file: join(this.#store.folder(key), result.path), strength: adapter.strength }]
  }

  async #imagesOf(images: CellImages, needs: ReadonlyMap<string, CellRecord>): Promise<string[]> {
    if ('dataset' in images) {
      const dataset = await openStudyDataset(this.#lab, this.#plan.study, images.dataset)
      return images.items.map((index) => join(dataset.root, dataset.items[index]?.file ?? ''))
    }
    const record = needs.get(images.cell)
    if (record?.kind !== 'sample' && record?.kind !== 'repair') throw missing(images.cell)
    return record.images.map(({ file }) => join(this.#store.folder(record.key), file))
  }
}

/** The one dataset of a DreamBooth, with how it is seen. */
function pictures([subset]: readonly TrainSubset[]) {
  const { repeats: _repeats, weight: _weight, regularisation: _regularisation, ...shown } = subset as TrainSubset
  return shown
}

async function followProgress(run: LabRun<unknown, { type: string }>, report: StepContext['report']): Promise<void> {
  for await (const event of run) {
    if (event.type === 'progress-update' && 'done' in event && 'total' in event) {
      report(Number(event.done), Number(event.total), null)
    }
  }
}

function trainedBy(key: string, needs: ReadonlyMap<string, CellRecord>): TrainRecord {
  const record = needs.get(key)
  if (record?.kind !== 'train') throw missing(key)
  return record
}

function missing(key: string): ArtefactError {
  return new ArtefactError({
    code: 'cell-missing',
    message: `The result of ${key} is not in the lab. Run the study again.`,
    facts: { key },
  })
}
