export { type Candidate, type CandidateInput, type CaptionOrigin, candidate } from './candidate.ts'
export type { EarlierCaption, KeptEntry, LedgerEntry, ReviewedCaptionOrigin, Search } from './entry.ts'
export type { Duplicate, Fingerprint, Ledger } from './ledger.ts'
export { type OpenLedgerOptions, openLedger } from './open-ledger.ts'
export type { CandidateState, ImageFacts, LedgerCounts, Outcome, Quality } from './progress.ts'
export {
  type Decision,
  decision,
  type LoggedDecision,
  type ReviewEntry,
  type ReviewLog,
  type ReviewRow,
  type ReviewState,
  reviewStates,
} from './review-log.ts'
export { urlKey } from './url-key.ts'
