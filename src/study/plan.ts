import type { BestOfStudy } from '../config/best.ts'
import type { ExtractorSettings } from '../config/extractor.ts'
import type { ArmRepair } from '../config/hands-detail.ts'
import { contentId } from '../config/hash.ts'
import { extractorOf, type MetricDefinition } from '../config/metric.ts'
import { ConfigError } from '../errors/index.ts'
import type {
  Cell,
  CellAdapter,
  CellIdentity,
  EmbedCell,
  RepairCell,
  SampleCell,
  ScoreCell,
  TrainCell,
} from './cell.ts'
import { armDreamBooth, studySubsets } from './define-study.ts'
import type { StudyDefinition } from './definition.ts'
import type { Layout } from './design.ts'
import { type Arm, expandArms, layOutArms } from './expand-arms.ts'
import type { StudyFacts } from './facts.ts'
import { withFamilies } from './family.ts'
import { embedCell, referenceCell, referenceImages, scoreCell, textCell } from './measure-cells.ts'

/** An arm and the cells that its results are in. */
export interface PlannedArm extends Arm {
  readonly training: string | null
  /** Key of the sample cell of each prompt; null where it does not apply. */
  readonly samples: readonly (string | null)[]
  /** Key of the score cell of each prompt; null where it does not apply, empty when the classifier is not asked. */
  readonly scores: readonly (string | null)[]
  /** Keys of the embed cells of each prompt by the content id of the extractor; null where it does not apply. */
  readonly embeddings: ReadonlyMap<string, readonly (string | null)[]>
}

/** Everything a study will do, frozen before anything runs. */
export interface StudyPlan {
  readonly study: StudyDefinition
  readonly facts: StudyFacts
  /** Content hash of the definition and of all cells. */
  readonly sha256: string
  readonly arms: readonly PlannedArm[]
  /** How the variants of each arm were chosen, by the arm's name in the study. */
  readonly designs: ReadonlyMap<string, Layout>
  /** In the order in which they run: a training before its samples, scores at the end, bases one after another. */
  readonly cells: readonly Cell[]
  /** Cell that looks at the images each metric compares with, by the metric's index. */
  readonly references: ReadonlyMap<number, string>
  /** Cell that embeds the prompts of each metric that reads them, and which prompts these are, by the metric's index. */
  readonly texts: ReadonlyMap<number, { readonly key: string; readonly prompts: readonly number[] }>
}

/**
 * Plans a study from the facts about what it uses. Pure: equal arguments give equal keys.
 *
 * @param dropped reason by the name of an arm that is not to be drawn any more
 */
export function planCells(
  study: StudyDefinition,
  facts: StudyFacts,
  dropped: ReadonlyMap<string, string> = new Map(),
): StudyPlan {
  const cells = new CellCollection(facts)
  const judged = study.metrics.some((metric) => extractorOf(metric) === null)
  const extractors = extractorsOf(study)
  const drawn = expandArms(study).map((expanded) => {
    const arm = withoutDropped(withFamilies(expanded, facts), dropped)
    const draws = arm.notApplicable.includes(null)
    const training = arm.settings.train === null || !draws ? null : cells.add(trainCell(arm, study))
    const sampleCell = sampleCells(arm, training)
    const samples = arm.notApplicable.map((reason, i) => {
      if (reason !== null) return null
      const drawn = cells.add(sampleCell(i))
      return arm.settings.repair === null ? drawn : cells.add(repairCell(arm, i, drawn, arm.settings.repair))
    })
    return { arm, training, samples }
  })
  refuseIdleAxes(drawn)
  const arms = drawn.map(({ arm, training, samples }): PlannedArm => {
    const score = (key: string | null, i: number) => (key === null ? null : cells.add(scoreCell(arm, i, key)))
    const embed = (key: string | null, i: number, extractor: ExtractorSettings) =>
      key === null ? null : cells.add(embedCell(arm, i, key, extractor))
    const embeddings = new Map(
      [...extractors].map(([id, one]) => [id, samples.map((key, i) => embed(key, i, one))] as const),
    )
    return { ...arm, training, samples, scores: judged ? samples.map(score) : [], embeddings }
  })
  const references = new Map<number, string>()
  const texts = new Map<number, { key: string; prompts: number[] }>()
  for (const [i, metric] of study.metrics.entries()) {
    const prompts = promptsOf(metric, study)
    if ('against' in metric) {
      const items = referenceImages(metric, prompts.length * study.seeds.length, facts)
      references.set(i, cells.add(referenceCell(metric, items)))
    }
    if (metric.type === 'clip-score') texts.set(i, { key: cells.add(textCell(metric, prompts, study)), prompts })
  }
  const list = cells.list()
  const { budget: _limit, ...asked } = study
  const identity = contentId({ study: asked, cells: list.map((cell) => cell.key) })
  const designs = layOutArms(study)
  return Object.freeze({ study, facts, sha256: identity, arms, designs, cells: list, references, texts })
}

/** Indices of the prompts that a metric is taken on. */
export function promptsOf(metric: MetricDefinition, study: StudyDefinition): number[] {
  const chosen = metric.type === 'finger-count' ? Object.keys(metric.expected) : metric.prompts
  return study.prompts.flatMap((prompt, i) => (chosen === null || chosen.includes(prompt) ? [i] : []))
}

/** Keys of the cells, prompt by prompt, that saw in an arm's samples what a metric is taken on. */
export function featureCells(metric: MetricDefinition, arm: PlannedArm): readonly (string | null)[] {
  const extractor = extractorOf(metric)
  return extractor === null ? arm.scores : (arm.embeddings.get(contentId(extractor)) ?? [])
}

/** Extractors of a study's metrics by the content id of their settings. */
function extractorsOf({ metrics }: StudyDefinition): Map<string, ExtractorSettings> {
  const named = metrics.flatMap((metric) => extractorOf(metric) ?? [])
  return new Map(named.map((settings) => [contentId(settings), settings]))
}

function withoutDropped(arm: Arm, dropped: ReadonlyMap<string, string>): Arm {
  const out = dropped.get(arm.name)
  return out === undefined ? arm : { ...arm, notApplicable: arm.notApplicable.map((reason) => reason ?? out) }
}

/** Two values of an axis that draw the very same pictures would look like a finding. Throws ConfigError. */
function refuseIdleAxes(drawn: readonly { readonly arm: Arm; readonly samples: readonly (string | null)[] }[]): void {
  const seen = new Map<string, Arm>()
  for (const { arm, samples } of drawn) {
    if (samples.every((key) => key === null)) continue
    const place = JSON.stringify([arm.family, arm.base, samples])
    const twin = seen.get(place)
    seen.set(place, arm)
    if (twin === undefined) continue
    throw new ConfigError({
      code: 'axis-without-effect',
      message: `"${twin.name}" and "${arm.name}" draw the same pictures: what differs between them has no effect. Remove that axis or value.`,
      facts: { arms: [twin.name, arm.name] },
    })
  }
}

/** A cell before its key is known, with what the key is made from beside the step's code and the environment. */
type Draft<Kind extends Cell> = Omit<Kind, 'key' | 'arms' | 'identity'> & {
  readonly arm: string | null
  readonly identity: unknown
}

class CellCollection {
  readonly #facts: StudyFacts
  readonly #cells = new Map<string, Cell & { arms: string[] }>()

  constructor(facts: StudyFacts) {
    this.#facts = facts
  }

  /** Adds a cell, or the arm to the equal cell that is there already. */
  add(
    makeDraft: (
      facts: StudyFacts,
    ) => Draft<TrainCell> | Draft<SampleCell> | Draft<RepairCell> | Draft<ScoreCell> | Draft<EmbedCell>,
  ): string {
    const { arm, identity: input, ...cell } = makeDraft(this.#facts)
    const { code, environment } = this.#facts
    const identity: CellIdentity = { kind: cell.kind, code: code[cell.kind], environment, input }
    const key = `${cell.kind}-${contentId(identity).slice(0, 32)}`
    const known = this.#cells.get(key)
    if (known === undefined)
      this.#cells.set(key, { ...cell, key, identity, arms: arm === null ? [] : [arm] } as Cell & { arms: string[] })
    else if (arm !== null && !known.arms.includes(arm)) known.arms.push(arm)
    return key
  }

  list(): Cell[] {
    return [...this.#cells.values()]
  }
}

function trainCell(arm: Arm, study: StudyDefinition) {
  return (facts: StudyFacts): Draft<TrainCell> => {
    const train = arm.settings.train as NonNullable<typeof arm.settings.train>
    const subsets = studySubsets(train, study)
    const { dreamBooth, training } = armDreamBooth(train)
    const { dataset: _one, subsets: _several, ...rest } = training
    const {
      captionDropout: _dropout,
      captions: _captions,
      flip: _flip,
      crop: _crop,
      inpaintingMasks: _masks,
      best,
      ...settings
    } = rest
    // How often to save and which pictures to show on the way do not change what is learned.
    const { checkpointEvery: _every, checkpointsKept: _kept, preview: _preview, ...learned } = settings
    return {
      kind: 'train',
      arm: arm.name,
      label: `training of ${arm.name}`,
      needs: [],
      model: arm.base,
      work: settings.steps * settings.batchSize * settings.accumulation,
      input: { base: arm.base, subsets, settings, best, dreamBooth },
      identity: {
        base: facts.bases[arm.base]?.sha256,
        data: subsets.map(({ dataset, ...how }) => ({ ...how, dataset: facts.datasets[dataset]?.sha256 })),
        learned,
        ...(best === null ? {} : { best: identityOfBest(best, facts) }),
        // A training without it keeps its key. Class images follow from these and the base.
        ...(dreamBooth === null ? {} : { dreamBooth }),
      },
    }
  }
}

/** The training draws and judges on its way. Images drawn together change nothing that is measured. */
function identityOfBest({ metric, sampling, ...how }: BestOfStudy, { datasets, classifier, code }: StudyFacts): object {
  const { batchSize: _speed, ...drawn } = sampling
  const against = metric.type === 'kernel-distance' ? datasets[metric.against]?.sha256 : null
  const { sample, score } = code
  return {
    ...how,
    sampling: drawn,
    metric: { ...metric, against },
    classifier: classifier?.sha256,
    code: { sample, score },
  }
}

/** The sample cells of an arm, prompt by prompt; what is the same in all of them is there once. */
function sampleCells(arm: Arm, training: string | null) {
  const { sampling, negativePrompt, strength, adapters: files } = arm.settings
  const adapters: CellAdapter[] = [...(training === null ? [] : [{ cell: training, strength }]), ...files]
  const { batchSize: _speed, ...drawn } = sampling
  const needs = training === null ? [] : [training]
  const model = training !== null && makesBase(arm) ? training : arm.base
  const work = arm.seeds.length * sampling.steps * (sampling.guidance === 1 ? 1 : 2)
  return (prompt: number) =>
    (facts: StudyFacts): Draft<SampleCell> => {
      const text = arm.prompts[prompt] as string
      return {
        kind: 'sample',
        arm: arm.name,
        label: `samples of ${arm.name} for “${text}”`,
        needs,
        model,
        work,
        input: { base: arm.base, adapters, prompt: text, negativePrompt, seeds: arm.seeds, sampling },
        identity: {
          base: facts.bases[arm.base]?.sha256,
          adapters: adapters.map((adapter) => {
            if ('cell' in adapter) return { content: adapter.cell, strength: adapter.strength }
            const { file, ...strengths } = adapter
            return { content: facts.adapters[file]?.sha256, ...strengths }
          }),
          prompt: text,
          negativePrompt,
          seeds: arm.seeds,
          sampling: drawn,
        },
      }
    }
}

/** Repairs what a sample cell of the arm drew. Images drawn together change nothing. */
function repairCell(arm: Arm, prompt: number, drawn: string, settings: ArmRepair) {
  return ({ bases, controls, classifier }: StudyFacts): Draft<RepairCell> => {
    const text = arm.prompts[prompt] as string
    const { batchSize: _speed, ...sampling } = settings.sampling
    const control = settings.control && { ...settings.control, file: controls[settings.control.file] }
    return {
      kind: 'repair',
      arm: arm.name,
      label: `repairs of ${arm.name} for “${text}”`,
      needs: [drawn],
      model: arm.base,
      work: arm.seeds.length,
      input: { base: arm.base, of: drawn, prompt: text, settings },
      identity: {
        base: bases[arm.base]?.sha256,
        images: drawn,
        prompt: text,
        settings: { ...settings, sampling, control },
        classifier: classifier?.sha256,
      },
    }
  }
}

/** True when the arm's training makes a whole base, which takes the place of the one it was trained from. */
function makesBase({ settings: { train } }: Arm): boolean {
  const technique = train?.technique
  return technique?.type === 'autoencoder' || (technique?.type === 'full' && typeof technique.layout === 'string')
}
