export { type Candidate, type CandidateInput, type CaptionOrigin, candidate } from './candidate.ts'
export type { Duplicate, Fingerprint, KeptEntry, Ledger, LedgerEntry, Search } from './ledger.ts'
export { type OpenLedgerOptions, openLedger } from './open-ledger.ts'
export type { CandidateState, ImageFacts, LedgerCounts, Outcome } from './progress.ts'
