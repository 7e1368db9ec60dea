import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import type { StudyPlan } from './plan.ts'

const planFile = 'plan.json'

const planRecord = z.strictObject({
  format: z.literal('phalanx-plan'),
  version: z.literal(1),
  name: z.string(),
  /** SHA-256 of the frozen plan. */
  plan: z.string(),
  /** Keys of all cells that the study refers to, finished or not. */
  cells: z.array(z.string()),
})

/**
 * Says in a study's folder which cells it refers to, before any of them runs, so that none is taken for garbage.
 *
 * @param before plans of rounds that came before this one
 */
export async function writePlanRecord(
  folder: string,
  plan: StudyPlan,
  before: readonly StudyPlan[] = [],
): Promise<void> {
  const { study, sha256 } = plan
  const record: z.output<typeof planRecord> = {
    format: 'phalanx-plan',
    version: 1,
    name: study.name,
    plan: sha256,
    cells: [...new Set([...before, plan].flatMap(({ cells }) => cells.map(({ key }) => key)))],
  }
  await mkdir(folder, { recursive: true })
  await atomicWrite(join(folder, planFile), JSON.stringify(record))
}

/** Keys of the cells that a study refers to. Throws ArtefactError (`plan-record-invalid`). */
export async function readPlannedKeys(folder: string): Promise<readonly string[]> {
  const path = join(folder, planFile)
  try {
    return planRecord.parse(JSON.parse(await readFile(path, 'utf8'))).cells
  } catch (cause) {
    throw new ArtefactError({
      code: 'plan-record-invalid',
      message: `${path} cannot be read, so it is not known which cells this study refers to. Run the study again, or delete its folder if it is not needed.`,
      facts: { path },
      cause,
    })
  }
}
