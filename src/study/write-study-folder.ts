import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import {
  type FailureRecord,
  type HalvingRecord,
  type StudyImage,
  type StudyRecord,
  studyRecord,
  studyRecordFile,
  type TrainingRecord,
} from '../artefact/study-record.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { describeArm, describeDesign, sampleOf } from './arm-record.ts'
import type { Cell } from './cell.ts'
import type { CellRecord, TrainRecord } from './cell-record.ts'
import type { CellStore } from './cell-store.ts'
import { measureStudy } from './measure.ts'
import type { PlannedArm, StudyPlan } from './plan.ts'
import { readSeen, type Seen } from './seen.ts'

export interface StudyResults {
  readonly plan: StudyPlan
  /** Of the cells that finished. */
  readonly records: ReadonlyMap<string, CellRecord>
  readonly failures: readonly FailureRecord[]
  readonly halving?: HalvingRecord | undefined
  /** False when the study was stopped. */
  readonly finished: boolean
  readonly store: CellStore
  readonly folder: string
}

/** Folders of the files that a record names; what else lies in a study's folder is not touched. */
const fileFolders = ['images', 'series', 'adapters'] as const

/**
 * Writes a study's folder: copies of the files that the record names, then the record, in one moment. Names of files
 * come from the keys of their cells, so a reader at any moment finds the files of the record that it read; what no record
 * names any more is removed last.
 */
export async function writeStudyFolder(results: StudyResults): Promise<StudyRecord> {
  const { plan, records, store, folder } = results
  const named = new Set<string>()
  for (const cell of plan.cells) {
    const record = records.get(cell.key)
    if (record === undefined) continue
    for (const [from, to] of filesOf(record)) {
      await copy(join(store.folder(cell.key), from), join(folder, to))
      named.add(to)
    }
  }
  const record = studyRecord.parse(assembleRecord(results, await readSeen(records, store)))
  await mkdir(folder, { recursive: true })
  await atomicWrite(join(folder, studyRecordFile), `${JSON.stringify(record, null, 2)}\n`)
  const kept = new Set([...named].map((path) => path.split('/').slice(0, 2).join('/')))
  for (const part of fileFolders) await removeOthers(folder, part, kept)
  return record
}

function assembleRecord({ plan, records, failures, halving, finished }: StudyResults, seen: Seen): StudyRecord {
  const { study, facts } = plan
  return {
    format: 'phalanx-study',
    version: 1,
    name: study.name,
    plan: plan.sha256,
    finished,
    bases: Object.entries(facts.bases).map(([name, base]) => ({ name, ...base })),
    datasets: Object.entries(facts.datasets).map(([name, dataset]) => ({ name, ...dataset })),
    prompts: [...study.prompts],
    seeds: [...study.seeds],
    sampling: { ...study.sampling },
    arms: plan.arms.map((arm) => describeArm(arm, plan, records, failures)),
    designs: [...plan.designs].flatMap(([family, layout]) => describeDesign(family, layout)),
    halving: halving ?? null,
    trainings: plan.cells.flatMap((cell) => describeTraining(cell, records.get(cell.key))),
    images: plan.arms.flatMap((arm) => listImages(arm, plan, records, seen)),
    metrics: measureStudy(plan, seen),
    figures: Object.entries(study.figures).map(([name, figure]) => ({ name, ...figure })),
    failures: [...failures],
    environment: { ...facts.versions, ...facts.environment, ...codeHashes(plan) },
    classifier: facts.classifier && { name: facts.classifier.name, sha256: facts.classifier.sha256 },
  }
}

function describeTraining(cell: Cell, record: CellRecord | undefined): TrainingRecord[] {
  if (record?.kind !== 'train') return []
  const { path: _file, ...result } = record.result
  return [{ key: cell.key, arms: [...cell.arms], ...result, series: seriesFile(record) }]
}

function listImages(
  arm: PlannedArm,
  plan: StudyPlan,
  records: ReadonlyMap<string, CellRecord>,
  { judgements }: Seen,
): StudyImage[] {
  const counter = plan.study.metrics.find((metric) => metric.type === 'finger-count')
  return arm.samples.flatMap((key, prompt) => {
    const seen = judgements.get(arm.scores[prompt] ?? '')
    const expectedFingers = counter?.expected[plan.study.prompts[prompt] ?? ''] ?? null
    return sampleOf(records, key).flatMap((sample) =>
      sample.images.map(({ seed, file, width, height }, i) => ({
        arm: arm.name,
        prompt,
        seed,
        file: imageFile(sample.key, file),
        width,
        height,
        fingers: seen?.[i]?.fingers ?? null,
        expectedFingers,
        defectProbability: seen?.[i]?.defectProbability ?? null,
      })),
    )
  })
}

/** Files of a cell and where they go in the study's folder. A whole base stays in the lab: it is large. */
function filesOf(record: CellRecord): [from: string, to: string][] {
  if (record.kind === 'sample' || record.kind === 'repair')
    return record.images.map(({ file }) => [file, imageFile(record.key, file)])
  if (record.kind === 'score' || record.kind === 'embed') return []
  const series: [string, string] = [record.result.series, seriesFile(record)]
  return record.result.kind === 'base' ? [series] : [series, [record.result.path, join('adapters', record.result.path)]]
}

function imageFile(key: string, file: string): string {
  return `images/${key}/${file}`
}

function seriesFile(record: TrainRecord): string {
  return `series/${record.key}.jsonl`
}

function codeHashes({ facts }: StudyPlan): Record<string, string> {
  return Object.fromEntries(Object.entries(facts.code).map(([step, hash]) => [`code of ${step}`, hash]))
}

/** A copy that shares its blocks where the file system can, under its name only when whole. */
async function copy(from: string, to: string): Promise<void> {
  const [source, copied] = await Promise.all([stat(from), stat(to).catch(() => null)])
  if (copied?.size === source.size) return
  await mkdir(dirname(to), { recursive: true })
  await copyFile(from, `${to}.partial`, constants.COPYFILE_FICLONE)
  await rename(`${to}.partial`, to)
}

/** Removes what lies in a folder and is not kept. */
async function removeOthers(folder: string, part: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(join(folder, part)).catch(() => [])) {
    if (!kept.has(`${part}/${name}`)) await rm(join(folder, part, name), { recursive: true })
  }
}
