import { join } from 'node:path'
import { type RatingRecord, ratingRecord, ratingRecordFile } from '../artefact/rating-record.ts'
import { readStudyRecord } from '../artefact/read-study.ts'
import type { StudyRecord } from '../artefact/study-record.ts'
import { ConfigError } from '../errors/index.ts'
import { scopeOf } from '../metrics/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { measureAgreement, raterAgreement } from './agreement.ts'
import { countRows, describeCounts } from './count-results.ts'
import { type PlacedVote, placeVotes, type RaterVotes } from './counted-votes.ts'
import { lockRating } from './open-rating.ts'
import { describePairs, pairRows } from './pair-results.ts'
import { judgeRater } from './rater-quality.ts'
import { findRatingPlace, type RatingPlace, ratingFiles, voteFiles } from './rating-folder.ts'
import { readLog } from './vote-log.ts'
import { voteTable } from './vote-table.ts'

/**
 * Closes a rating: no more votes, and the results, which nobody sees before, are written to its folder beside a table of
 * all votes. Throws ConfigError when there is no such rating (`rating-not-begun`), nobody voted (`nothing-rated`), or it
 * is closed already (`rating-closed`); ArtefactError while it is served (`rating-in-use`) or when its files are broken.
 */
export async function closeRating(study: string, name: string): Promise<RatingRecord> {
  const place = await findRatingPlace(study, name)
  await using _held = await lockRating(place)
  const record = await readStudyRecord(study)
  const raters = await readRaters(place)
  if (raters.every(({ votes }) => votes.length === 0)) {
    throw new ConfigError({
      code: 'nothing-rated',
      message: `Nobody has voted in the rating "${name}". Run phalanx rate ${study} first.`,
      facts: { study, name },
    })
  }
  const placed = raters.map((rater, i) => placeVotes(rater, i + 1, place.protocol))
  const result = ratingRecord.parse(evaluate(name, placed, place, record))
  await atomicWrite(join(place.folder, ratingFiles.table), voteTable(placed.flat(), place.protocol, result))
  await atomicWrite(join(place.folder, ratingRecordFile), `${JSON.stringify(result, null, 2)}\n`)
  return result
}

async function readRaters(place: RatingPlace): Promise<RaterVotes[]> {
  const raters: RaterVotes[] = []
  for (const path of await voteFiles(place)) raters.push(await readLog(path, place.digest))
  return raters
}

function evaluate(name: string, placed: readonly PlacedVote[][], place: RatingPlace, study: StudyRecord): RatingRecord {
  const { protocol, digest } = place
  const { settings, items, images, identicalPairs } = protocol
  const raters = placed.map((votes, i) => judgeRater(i + 1, votes, protocol))
  const counted = placed.flatMap((votes, i) => (raters[i]?.counted ? votes.filter(({ kind }) => kind === 'first') : []))
  const prompts = [...new Set(items.flat().map((i) => images[i]?.prompt as number))].sort((a, b) => a - b)
  const scope = scopeOf(prompts.length)
  const pairs = settings.mode === 'pairs' ? pairRows(counted, protocol, study, scope) : null
  const described = settings.mode === 'pairs' ? describePairs(settings.question) : describeCounts(settings.question)
  const agreement = raterAgreement(counted, protocol)
  return {
    format: 'phalanx-rating',
    version: 1,
    name,
    mode: settings.mode,
    question: settings.question,
    plan: protocol.study.plan,
    protocol: digest,
    items: items.length,
    identicalPairs,
    raters,
    metric: {
      id: `rating-${name}`,
      ...described,
      validity: null,
      trust: null,
      effects: [],
      prompts,
      scope,
      rows: pairs?.rows ?? countRows(counted, protocol, study, scope),
    },
    comparisons: pairs?.comparisons ?? [],
    agreement: agreement.found,
    agreementReason: agreement.reason,
    measures: measureAgreement(counted, protocol, study, scope),
  }
}
