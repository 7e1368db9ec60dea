import type { SetItem } from './manifest.ts'

/** A part of a set by a rule, in a metadata file of its own that is a dataset. */
export interface View {
  readonly name: string
  /** Beside the images. */
  readonly file: string
  /** What it holds, in words. */
  readonly rule: string
  holds(item: Pick<SetItem, 'query' | 'caption'>): boolean
}

/** The two sets of the paper: everything, and what is never called a drawing. */
export const views: readonly View[] = [
  {
    name: 'photos+drawings',
    file: 'metadata.jsonl',
    rule: 'every image',
    holds: () => true,
  },
  {
    name: 'photos',
    file: 'photos.jsonl',
    rule: 'neither the query nor the caption has the word "drawing" or "drawings"',
    holds: ({ query, caption }) => !/\bdrawings?\b/i.test(`${query}\n${caption}`),
  },
]
