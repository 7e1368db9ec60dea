import type { SetItem } from '../manifest.ts'

/** An image that one of two sets has. */
export interface ChangedImage {
  readonly file: string
  readonly url: string
  readonly caption: string
}

/** A text of an image that changed. */
export interface ChangedText {
  readonly file: string
  readonly from: string
  readonly to: string
}

/** What a set has otherwise than the one before it. */
export interface SetDifference {
  readonly added: readonly ChangedImage[]
  /** With the reason, as the ledger has it. */
  readonly removed: readonly (ChangedImage & { readonly reason: string })[]
  readonly captions: readonly ChangedText[]
  readonly licences: readonly ChangedText[]
}

/** A set as a change of an earlier one. */
export interface SetChild {
  /** SHA-256 of the earlier set's manifest. */
  readonly parent: string
  readonly difference: SetDifference
}

type Compared = Pick<SetItem, 'blob' | 'file' | 'url' | 'caption' | 'licence'>

/**
 * What changed between two sets, image by image as told by the bytes that were fetched.
 *
 * @param reasonOf why an image is left out now
 */
export function differenceOf(
  before: readonly Compared[],
  after: readonly Compared[],
  reasonOf: (item: Compared) => string,
): SetDifference {
  const earlier = new Map(before.map((item) => [item.blob, item]))
  const now = new Set(after.map(({ blob }) => blob))
  const both = after.flatMap((item) => {
    const old = earlier.get(item.blob)
    return old === undefined ? [] : [{ old, item }]
  })
  const changed = (textOf: (item: Compared) => string): ChangedText[] =>
    both.flatMap(({ old, item }) => {
      const [from, to] = [textOf(old), textOf(item)]
      return from === to ? [] : [{ file: item.file, from, to }]
    })
  return {
    added: after.filter(({ blob }) => !earlier.has(blob)).map(shown),
    removed: before.filter(({ blob }) => !now.has(blob)).map((item) => ({ ...shown(item), reason: reasonOf(item) })),
    captions: changed(({ caption }) => caption),
    licences: changed(({ licence }) => licence),
  }
}

function shown({ file, url, caption }: Compared): ChangedImage {
  return { file, url, caption }
}
