import { basename } from 'node:path'
import type { Arm } from './expand-arms.ts'
import type { StudyFacts } from './facts.ts'

/**
 * An arm that is known not to apply when it lays an adapter file of one family over a base of another. Adapters of
 * which nothing tells the family are tried.
 */
export function withFamilies(arm: Arm, facts: StudyFacts): Arm {
  const base = facts.bases[arm.base]?.family
  const stranger = arm.settings.adapters.find(({ file }) => {
    const family = facts.adapters[file]?.family ?? null
    return family !== null && family !== base
  })
  if (stranger === undefined) return arm
  const reason = `${basename(stranger.file)} is made for ${facts.adapters[stranger.file]?.family}, and ${arm.base} is of ${base}`
  return { ...arm, notApplicable: arm.notApplicable.map((told) => told ?? reason) }
}
