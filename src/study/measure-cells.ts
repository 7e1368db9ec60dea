import { contentId } from '../config/hash.ts'
import { extractorOf, type MetricDefinition } from '../config/metric.ts'
import { referenceItems } from '../dataset/index.ts'
import { clipScoreText } from '../metrics/index.ts'
import type { CellIdentity, CellImages, EmbedCell, ScoreCell } from './cell.ts'
import type { StudyDefinition } from './definition.ts'
import type { Arm } from './expand-arms.ts'
import type { StudyFacts } from './facts.ts'

/** A cell before its key is known. */
type Draft<Kind extends ScoreCell | EmbedCell> = Omit<Kind, 'key' | 'arms' | 'identity'> & {
  readonly arm: string | null
  readonly identity: CellIdentity['input']
}
/** Makes a draft from the facts about what a study uses. */
type Drafted = (facts: StudyFacts) => Draft<ScoreCell> | Draft<EmbedCell>
type Extracting = NonNullable<ReturnType<typeof extractorOf>>
type Referring = Extract<MetricDefinition, { against: string }>

/** Judges the samples of an arm for one of its prompts. */
export function scoreCell(arm: Arm, prompt: number, samples: string): Drafted {
  return (facts) => ({
    ...judging(`judgement of ${arm.name} for “${arm.prompts[prompt]}”`, arm.seeds.length),
    arm: arm.name,
    needs: [samples],
    input: { images: { cell: samples } },
    identity: { samples, classifier: facts.classifier?.sha256 },
  })
}

/** Extracts the features of the samples of an arm for one of its prompts. */
export function embedCell(arm: Arm, prompt: number, samples: string, extractor: Extracting): Drafted {
  return (facts) => ({
    ...embedding(extractor, facts, `of ${arm.name} for “${arm.prompts[prompt]}”`, arm.seeds.length),
    arm: arm.name,
    needs: [samples],
    input: { extractor, of: { images: { cell: samples } } },
    identity: { samples, extractor: identityOf(extractor, facts) },
  })
}

/** Looks at the images of a dataset that a metric compares samples with, by the metric's own features. */
export function referenceCell(metric: Referring, items: readonly number[]): Drafted {
  return (facts) => {
    const dataset = facts.datasets[metric.against]?.sha256
    const images: CellImages = { dataset: metric.against, items }
    const extractor = extractorOf(metric)
    const what = `${items.length} images of ${metric.against}`
    return extractor === null
      ? {
          ...judging(`judgement of ${what}`, items.length),
          arm: null,
          needs: [],
          input: { images },
          identity: { dataset, items, classifier: facts.classifier?.sha256 },
        }
      : {
          ...embedding(extractor, facts, `of ${what}`, items.length),
          arm: null,
          needs: [],
          input: { extractor, of: { images } },
          identity: { dataset, items, extractor: identityOf(extractor, facts) },
        }
  }
}

/**
 * The images of a dataset that a metric looks at: all of those that samples may be copies of, else as many as there are
 * samples, drawn by the dataset's own hash.
 */
export function referenceImages(metric: Referring, samples: number, facts: StudyFacts): readonly number[] {
  const dataset = facts.datasets[metric.against] ?? { sha256: '', images: 0 }
  return referenceItems(dataset, metric.type === 'nearest-image' ? dataset.images : samples)
}

/** Embeds the prompts that a CLIP score is taken on, as the study words them. */
export function textCell(
  metric: Extract<MetricDefinition, { type: 'clip-score' }>,
  prompts: readonly number[],
  study: StudyDefinition,
): Drafted {
  return (facts) => {
    const texts = prompts.map((prompt) => clipScoreText(study.prompts[prompt] ?? '', metric.convention))
    return {
      ...embedding(metric.features, facts, `of ${texts.length} texts`, texts.length),
      arm: null,
      needs: [],
      input: { extractor: metric.features, of: { texts } },
      identity: { texts, extractor: identityOf(metric.features, facts) },
    }
  }
}

function judging(label: string, work: number) {
  return { kind: 'score', model: 'classifier', label, work } as const
}

function embedding(extractor: Extracting, facts: StudyFacts, what: string, work: number) {
  const id = contentId(extractor)
  return { kind: 'embed', model: id, label: `features ${what}, ${facts.extractors[id]?.label}`, work } as const
}

function identityOf(extractor: Extracting, { extractors }: StudyFacts): string | undefined {
  return extractors[contentId(extractor)]?.sha256
}
