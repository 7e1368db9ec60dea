import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { hashControlNet } from '../artefact/control-net.ts'
import { readCard, validityId } from '../artefact/validity-card.ts'
import type { ExtractorSettings } from '../config/extractor.ts'
import { contentId } from '../config/hash.ts'
import { extractorOf } from '../config/metric.ts'
import type { Dataset } from '../dataset/index.ts'
import { ConfigError } from '../errors/index.ts'
import { embeddedClassifier, type Lab } from '../lab/index.ts'
import { packageRoot } from '../util/package-root.ts'
import { sha256File } from '../util/sha256-file.ts'
import { readCodeIdentity } from './code-identity.ts'
import type { DatasetDefinition, StudyDefinition } from './definition.ts'
import { expandArms } from './expand-arms.ts'
import type { StudyFacts } from './facts.ts'

/** Looks up the identity of everything a study uses. Throws what opening it throws. */
export async function gatherFacts(lab: Lab, study: StudyDefinition): Promise<StudyFacts> {
  const { versions, device, requirementsSha256 } = lab.environment
  const classifier = judges(study) ? await identifyClassifier(study.classifier) : null
  const extractors = await identifyExtractors(lab, study)
  const adapters = new Set(expandArms(study).flatMap(({ settings }) => settings.adapters.map(({ file }) => file)))
  const controls = new Set(expandArms(study).flatMap(({ settings: { repair } }) => repair?.control?.file ?? []))
  return {
    bases: await collect(study.bases, async (name) => {
      const { sha256, family, imageSize, unetParameters, textEncoderParameters, autoencoderParameters } = (
        await lab.base(name)
      ).description
      return { sha256, family, imageSize, parameters: unetParameters + textEncoderParameters + autoencoderParameters }
    }),
    datasets: await collect(Object.keys(study.datasets), async (name) => {
      const dataset = await openStudyDataset(lab, study, name)
      return { sha256: dataset.sha256, images: dataset.items.length }
    }),
    adapters: await collect([...adapters], async (file) => ({
      sha256: (await lab.adapter(file)).sha256,
      family: await lab.adapterFamily(file),
    })),
    controls: await collect([...controls], async (name) => hashControlNet((await lab.controlNet(name)).file)),
    classifier,
    extractors,
    trust: await readTrust(lab, study, { classifier, extractors }),
    code: await readCodeIdentity(),
    environment: { device, 'installed versions': contentId(versions) },
    versions: {
      phalanx: await packageVersion(),
      node: process.versions.node,
      ...versions,
      ...(requirementsSha256 === null ? {} : { requirements: requirementsSha256 }),
    },
  }
}

/** Whether the classifier is asked: by the study's metrics, by one that chooses the result of a training, or by repairs. */
function judges({ metrics, arms }: StudyDefinition): boolean {
  const asked = metrics.some((metric) => extractorOf(metric) === null)
  return (
    asked || Object.values(arms).some(({ train, repair }) => repair !== null || (train !== null && train.best !== null))
  )
}

/** One that several metrics name alike is there once. */
async function identifyExtractors(lab: Lab, { metrics }: StudyDefinition): Promise<StudyFacts['extractors']> {
  const named = metrics.flatMap((metric) => extractorOf(metric) ?? [])
  const byId = new Map(named.map((settings) => [contentId(settings), settings]))
  return collect([...byId.keys()], async (id) => {
    const { label, sha256 } = await lab.extractor(byId.get(id) as ExtractorSettings)
    return { label, sha256 }
  })
}

/** What the cards of the metrics say overall. */
function readTrust(
  lab: Lab,
  { metrics }: StudyDefinition,
  { classifier, extractors }: Pick<StudyFacts, 'classifier' | 'extractors'>,
): Promise<StudyFacts['trust']> {
  return Promise.all(
    metrics.map(async (metric) => {
      const extractor = extractorOf(metric)
      const sha256 = extractor === null ? classifier?.sha256 : extractors[contentId(extractor)]?.sha256
      return (await readCard(lab.folder, validityId(metric, sha256 ?? '')))?.overall ?? null
    }),
  )
}

/** Opens a dataset as the study says. */
export function openStudyDataset(lab: Lab, study: StudyDefinition, name: string): Promise<Dataset> {
  const { path, caption, ...options } = study.datasets[name] as DatasetDefinition
  return lab.dataset(path, caption === null ? options : { ...options, caption })
}

/** A record by name, filled one after another so that a worker loads one thing at a time. */
async function collect<Value>(
  names: readonly string[],
  find: (name: string) => Promise<Value>,
): Promise<Record<string, Value>> {
  const found: Record<string, Value> = {}
  for (const name of names) found[name] = await find(name)
  return found
}

async function packageVersion(): Promise<string> {
  const text = await readFile(join(packageRoot(), 'package.json'), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version
}

const classifierCard = z.object({ validity: z.string() })

/** Identity of a finger classifier, with what the card beside it says of its validity. */
async function identifyClassifier(given: string | null): Promise<NonNullable<StudyFacts['classifier']>> {
  const file = given ?? embeddedClassifier()
  const sha256 = await sha256File(file).catch((cause: unknown) => {
    throw new ConfigError({
      code: 'classifier-missing',
      message: `The finger classifier ${file} cannot be read, and the study's metrics need it. Name a classifier's file as the study's classifier, or leave the metrics out.`,
      facts: { file },
      cause,
    })
  })
  const card = await readFile(join(dirname(file), 'card.json'), 'utf8').catch(() => null)
  const validity = card === null ? null : classifierCard.parse(JSON.parse(card)).validity
  return { name: basename(file, '.safetensors'), sha256, validity }
}
