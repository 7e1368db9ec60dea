import type { SetItem } from '../../../src/curation/manifest.ts'
import { sha256 } from '../../../src/util/sha256.ts'

/** An image of a set of which only some facts matter; its bytes are named by `name`. */
export function item(name: string, facts: Partial<SetItem> = {}): SetItem {
  const blob = sha256(name)
  const hash = blob.slice(0, 16)
  return {
    ...{ file: `images/${blob.slice(0, 20)}.jpg`, form: 'original', blob, width: 64, height: 64 },
    ...{ hash, mirroredHash: hash, caption: '', plainCaption: '', captionSource: 'none', earlierCaptions: [] },
    ...{ url: `file:${name}.jpg`, page: null, source: 'folder', query: '', creator: null, attribution: null },
    ...{ licence: 'unknown', licenceUrl: null, split: null },
    ...facts,
  }
}
