import { canonicalJson } from '../util/canonical-json.ts'
import { sha256 } from '../util/sha256.ts'

/** Content id of a resolved setting: SHA-256 of its canonical JSON, so that equal settings have equal ids. */
export function contentId(settings: unknown): string {
  return sha256(canonicalJson(settings))
}
