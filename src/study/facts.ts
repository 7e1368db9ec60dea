import type { ValidityCard } from '../artefact/validity-card.ts'
import type { Family } from '../config/architecture.ts'

/** Identity of everything a study uses, as it was when the study was planned. */
export interface StudyFacts {
  readonly bases: Readonly<
    Record<
      string,
      {
        readonly sha256: string
        readonly family: Family
        readonly imageSize: number
        readonly parameters: number
      }
    >
  >
  readonly datasets: Readonly<Record<string, { readonly sha256: string; readonly images: number }>>
  /** Adapter files that arms name, by path; the family is null where nothing tells it. */
  readonly adapters: Readonly<Record<string, { readonly sha256: string; readonly family: Family | null }>>
  /** SHA-256 of the weights of ControlNets that repairs name, by name or path. */
  readonly controls: Readonly<Record<string, string>>
  /** Null when nothing asks it. */
  readonly classifier: {
    readonly name: string
    readonly sha256: string
    /** What its card says about how well it judges, in a sentence; null without a card. */
    readonly validity: string | null
  } | null
  /** Extractors of the study's metrics, by the content id of their settings. */
  readonly extractors: Readonly<Record<string, { readonly label: string; readonly sha256: string }>>
  /** What the lab's card of each metric says overall, in the order of the metrics; null without one. No part of any key. */
  readonly trust: readonly (ValidityCard['overall'] | null)[]
  /** SHA-256 of the worker's code of each step. */
  readonly code: Readonly<Record<'train' | 'sample' | 'repair' | 'score' | 'embed', string>>
  /** What else decides results: hash of the locked environment and the kind of device. */
  readonly environment: Readonly<Record<string, string>>
  /** What a reader wants to know: versions, platform. Not part of any key. */
  readonly versions: Readonly<Record<string, string>>
}
