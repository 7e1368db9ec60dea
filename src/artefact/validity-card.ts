import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { contentId } from '../config/hash.ts'
import type { MetricDefinition } from '../config/metric.ts'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'

/** How well one kind of damage is told from sound images. */
const finding = z.strictObject({
  /** What the images are: renders, photographs, or labelled images. */
  source: z.string(),
  /** What is wrong with the damaged ones, as "extra finger". */
  kind: z.string(),
  /** Damaged images or sets, and sound ones. */
  positives: z.int(),
  negatives: z.int(),
  /** Probability that a damaged one looks worse than a sound one; 0.5 is chance. */
  auc: z.number(),
  low: z.number(),
  high: z.number(),
  /** Whether the interval holds 0.5. */
  atChance: z.boolean(),
  /** Rank correlation of how bad it looks with how much was done, sound images included; null for one severity. */
  spearman: z.strictObject({ correlation: z.number(), low: z.number(), high: z.number() }).nullable(),
})
export type ValidityFinding = z.output<typeof finding>

/** How often sets with a share of damaged images were seen, at a false alarm in twenty. */
const setPower = z.strictObject({
  source: z.string(),
  kind: z.string(),
  /** Images of each set. */
  images: z.int(),
  shares: z.array(z.strictObject({ share: z.number(), power: z.number() })),
  /** The smallest share seen in four of five tries; null when none was. */
  smallest: z.number().nullable(),
})
export type SetPower = z.output<typeof setPower>

export const validityCard = z.strictObject({
  format: z.literal('phalanx-validity'),
  version: z.literal(1),
  /** Identity of what was tested: {@link validityId}. */
  id: z.string(),
  /** What the metric is, in words. */
  metric: z.string(),
  /** What decides whether reports grey the metric: anatomy that is wrong, on renders. */
  overall: z.strictObject({ kind: z.string(), auc: z.number(), low: z.number(), high: z.number() }),
  findings: z.array(finding),
  /** Of metrics of whole sets. */
  power: z.array(setPower),
})
export type ValidityCard = z.output<typeof validityCard>

/** Folder of the cards in that of a lab. */
const cardsFolder = 'validity'

/**
 * Identity of a metric when it is tested: its type, its settings but for what it is taken on, and the weights behind it.
 *
 * @param sha256 of the extractor or the classifier
 */
export function validityId(metric: MetricDefinition, sha256: string): string {
  const {
    prompts: _prompts,
    expected: _expected,
    against: _against,
    features: _features,
    ...deciding
  } = {
    prompts: null,
    expected: null,
    against: null,
    features: null,
    ...metric,
  }
  return contentId({ ...deciding, sha256 })
}

/** Writes a card into a lab, in place of an older one of the same metric. */
export async function writeCard(lab: string, card: ValidityCard): Promise<void> {
  const folder = join(lab, cardsFolder)
  await mkdir(folder, { recursive: true })
  await atomicWrite(join(folder, `${card.id}.json`), `${JSON.stringify(validityCard.parse(card), null, 2)}\n`)
}

/** The card of a metric; null when it was never tested in this lab. Throws ArtefactError (`broken-card`). */
export async function readCard(lab: string, id: string): Promise<ValidityCard | null> {
  const path = join(lab, cardsFolder, `${id}.json`)
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  try {
    return validityCard.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArtefactError({
      code: 'broken-card',
      message: `${path} is no validity card of this version. Remove it, and test the metric again: phalanx validate.`,
      facts: { path },
      cause,
    })
  }
}
