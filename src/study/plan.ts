import { contentId } from '../config/hash.ts'
import { RandomStream } from '../util/random.ts'
import type { Cell, CellAdapter, SampleCell, ScoreCell, TrainCell } from './cell.ts'
import { studySubsets } from './define-study.ts'
import type { StudyDefinition } from './definition.ts'
import { type Arm, expandArms } from './expand-arms.ts'
import type { StudyFacts } from './facts.ts'
import type { MetricDefinition } from './metric-definition.ts'

/** An arm and the cells that its results are in. */
export interface PlannedArm extends Arm {
  readonly training: string | null
  /** Key of the sample cell of each prompt. */
  readonly samples: readonly string[]
  /** Key of the score cell of each prompt; empty when nothing is measured. */
  readonly scores: readonly string[]
}

/** Everything a study will do, frozen before anything runs. */
export interface StudyPlan {
  readonly study: StudyDefinition
  readonly facts: StudyFacts
  /** Content hash of the definition and of all cells. */
  readonly sha256: string
  readonly arms: readonly PlannedArm[]
  /** In the order in which they run: a training before its samples, scores at the end, bases one after another. */
  readonly cells: readonly Cell[]
  /** Score cell of the reference images of each kernel-distance metric, by the metric's index. */
  readonly references: ReadonlyMap<number, string>
}

/** Plans a study from the facts about what it uses. Pure: equal arguments give equal keys. */
export function planCells(study: StudyDefinition, facts: StudyFacts): StudyPlan {
  const cells = new CellCollection(facts)
  const measured = study.metrics.length > 0
  const drawn = expandArms(study).map((arm) => {
    const training = arm.settings.train === null ? null : cells.add(trainCell(arm, study))
    return { arm, training, samples: arm.prompts.map((_, i) => cells.add(sampleCell(arm, i, training, study))) }
  })
  const arms = drawn.map(({ arm, training, samples }): PlannedArm => {
    const scores = measured ? samples.map((key, i) => cells.add(scoreCell(arm, i, key, study))) : []
    return { ...arm, training, samples, scores }
  })
  const references = new Map<number, string>()
  for (const [i, metric] of study.metrics.entries()) {
    if (metric.type === 'kernel-distance') references.set(i, cells.add(referenceCell(metric, study, facts)))
  }
  const list = cells.list()
  const identity = contentId({ study, cells: list.map((cell) => cell.key) })
  return Object.freeze({ study, facts, sha256: identity, arms, cells: list, references })
}

/** Indices of the prompts that a metric is taken on. */
export function promptsOf(metric: MetricDefinition, study: StudyDefinition): number[] {
  const chosen = metric.type === 'finger-count' ? Object.keys(metric.expected) : metric.prompts
  return study.prompts.flatMap((prompt, i) => (chosen === null || chosen.includes(prompt) ? [i] : []))
}

/** A cell before its key is known, with what the key is made from beside the step's code and the environment. */
type Draft<Kind extends Cell> = Omit<Kind, 'key' | 'arms'> & { readonly arm: string | null; readonly identity: unknown }

class CellCollection {
  readonly #facts: StudyFacts
  readonly #cells = new Map<string, Cell & { arms: string[] }>()

  constructor(facts: StudyFacts) {
    this.#facts = facts
  }

  /** Adds a cell, or the arm to the equal cell that is there already. */
  add(makeDraft: (facts: StudyFacts) => Draft<TrainCell> | Draft<SampleCell> | Draft<ScoreCell>): string {
    const { arm, identity, ...cell } = makeDraft(this.#facts)
    const { code, environment } = this.#facts
    const hash = contentId({ kind: cell.kind, code: code[cell.kind], environment, identity })
    const key = `${cell.kind}-${hash.slice(0, 32)}`
    const known = this.#cells.get(key)
    if (known === undefined)
      this.#cells.set(key, { ...cell, key, arms: arm === null ? [] : [arm] } as Cell & { arms: string[] })
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
    const { dataset: _one, subsets: _several, ...rest } = train
    const { captionDropout: _dropout, captions: _captions, flip: _flip, crop: _crop, ...settings } = rest
    // How often to save and which pictures to show on the way do not change what is learned.
    const { checkpointEvery: _every, checkpointsKept: _kept, preview: _preview, ...learned } = settings
    return {
      kind: 'train',
      arm: arm.name,
      label: `training of ${arm.name}`,
      needs: [],
      work: settings.steps * settings.batchSize * settings.accumulation,
      input: { base: arm.base, subsets, settings },
      identity: {
        base: facts.bases[arm.base]?.sha256,
        data: subsets.map(({ dataset, ...how }) => ({ ...how, dataset: facts.datasets[dataset]?.sha256 })),
        learned,
      },
    }
  }
}

function sampleCell(arm: Arm, prompt: number, training: string | null, study: StudyDefinition) {
  return (facts: StudyFacts): Draft<SampleCell> => {
    const trained: CellAdapter[] = training === null ? [] : [{ cell: training, strength: arm.settings.strength }]
    const adapters = [...trained, ...arm.settings.adapters]
    const { batchSize: _speed, ...drawn } = study.sampling
    const text = arm.prompts[prompt] as string
    const { negativePrompt } = arm.settings
    return {
      kind: 'sample',
      arm: arm.name,
      label: `samples of ${arm.name} for “${text}”`,
      needs: training === null ? [] : [training],
      work: study.seeds.length * study.sampling.steps * (study.sampling.guidance === 1 ? 1 : 2),
      input: {
        base: arm.base,
        adapters,
        requests: study.seeds.map((seed) => ({ prompt: text, negativePrompt, seed, image: null, controls: [] })),
        sampling: study.sampling,
      },
      identity: {
        base: facts.bases[arm.base]?.sha256,
        adapters: adapters.map((adapter) => {
          if ('cell' in adapter) return { content: adapter.cell, strength: adapter.strength }
          const { file, ...strengths } = adapter
          return { content: facts.adapters[file], ...strengths }
        }),
        prompt: text,
        negativePrompt,
        seeds: study.seeds,
        sampling: drawn,
      },
    }
  }
}

function scoreCell(arm: Arm, prompt: number, samples: string, study: StudyDefinition) {
  return (facts: StudyFacts): Draft<ScoreCell> => ({
    kind: 'score',
    arm: arm.name,
    label: `judgement of ${arm.name} for “${arm.prompts[prompt]}”`,
    needs: [samples],
    work: study.seeds.length,
    input: { images: { cell: samples } },
    identity: { samples, classifier: facts.classifier?.sha256 },
  })
}

/** As many reference images as there are samples, drawn from the dataset by its own hash. */
function referenceCell(
  metric: MetricDefinition & { type: 'kernel-distance' },
  study: StudyDefinition,
  facts: StudyFacts,
) {
  return (): Draft<ScoreCell> => {
    const dataset = facts.datasets[metric.against]
    const wanted = promptsOf(metric, study).length * study.seeds.length
    const order = new RandomStream('reference', dataset?.sha256 ?? '').shuffle([...Array(dataset?.images ?? 0).keys()])
    const items = order.slice(0, wanted).sort((a, b) => a - b)
    return {
      kind: 'score',
      arm: null,
      label: `judgement of ${items.length} images of ${metric.against}`,
      needs: [],
      work: items.length,
      input: { images: { dataset: metric.against, items } },
      identity: { dataset: dataset?.sha256, items, classifier: facts.classifier?.sha256 },
    }
  }
}
