import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve as absolute, join, posix } from 'node:path'
import { type FreezingInput, freezing } from '../config/freezing.ts'
import { resolve } from '../config/resolve.ts'
import { forbidsDerivatives, longestCaption } from '../dataset/index.ts'
import { DatasetError } from '../errors/index.ts'
import { type KeptEntry, type Ledger, openLedger, urlKey } from '../ledger/index.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { mapParallel } from '../util/map-parallel.ts'
import { type BlobStore, openBlobStore, writing } from './blob-store.ts'
import { manifestOf, partsOf } from './freezing/parts.ts'
import { differenceOf, type SetChild } from './freezing/set-difference.ts'
import { type EarlierSet, isFrozen, readHistory } from './freezing/set-history.ts'
import { writeSet } from './freezing/write-set.ts'
import { itemOf, manifestText, type SetItem, type SetManifest, shownAddress } from './manifest.ts'
import { formOf } from './plain-image.ts'
import type { RefusalExamples } from './set-page/left-out-section.ts'
import { setPage } from './set-page/set-page.ts'
import { thumbnailOf } from './set-page/thumbnail.ts'

export interface FreezeOptions extends FreezingInput {
  /** Keeps images whose licence forbids derived works. False by default. */
  readonly keepNoDerivatives?: boolean
  readonly signal?: AbortSignal | undefined
}

/** A set that changes no more. */
export interface FrozenSet {
  /**
   * Holds `manifest.json`, `index.html` to look at, `images`, a metadata file per view, pick and split (`metadata.jsonl`
   * for everything, `<name>.jsonl` for the others), `LICENSES.md`, `attribution.jsonl`, and `difference.json` in a set
   * that was frozen after another one.
   */
  readonly folder: string
  /** Of the manifest; the folder's name. */
  readonly sha256: string
  readonly views: SetManifest['views']
  readonly picks: SetManifest['picks']
  readonly splits: SetManifest['splits']
  /** What it has otherwise than the set that was frozen before it; null for the first. */
  readonly child: SetChild | null
  /** Images that were left out, as their licences forbid derived works. */
  readonly noDerivatives: number
  /** Images on which nobody decided in a review; they are in the set. */
  readonly unreviewed: number
}

const pageSize = 1000
const examplesPerReason = 8
const noDerivativesReason = 'no-derivatives'

/**
 * Freezes what a set's folder has by now, as people decided in a review, into `frozen/<sha256>`, which is there whole or
 * not at all and is the same for the same images, captions and settings. `lab.dataset` takes the folder (all images) and
 * each of its metadata files.
 *
 * The name of a set does not depend on what was frozen before: its parent is told beside the manifest. A set that is
 * there already keeps the parent that it had when it was first frozen.
 *
 * Throws ConfigError (`invalid-settings`), DatasetError (`unfinished-set` while candidates wait, `empty-set`,
 * `caption-too-long`, `unknown-image` and `ambiguous-image` of picks, `ledger-in-use`, `disk-full`, `unwritable-folder`)
 * or the signal's reason.
 */
export async function freezeSet(setFolder: string, options: FreezeOptions = {}): Promise<FrozenSet> {
  const { signal = new AbortController().signal, keepNoDerivatives = false, ...input } = options
  const settings = resolve(freezing, input, 'settings of freezing')
  const root = absolute(setFolder)
  await using ledger = await openLedger(root, { signal })
  const { waiting } = ledger.counts().states
  if (waiting > 0) throw unfinished(root, waiting)
  const blobs = await openBlobStore(join(root, 'blobs'))
  const all = await mapParallel([...keptEntries(ledger)], availableParallelism(), async (entry) => {
    signal.throwIfAborted()
    return itemOf(entry, await formOf(blobs.path(entry.blob)), settings.captions)
  })
  const items = keepNoDerivatives ? all : all.filter((item) => !forbidsDerivatives(item))
  if (items.length === 0) throw empty(root, all.length)
  refuseLongCaptions(root, items)
  const manifest = await manifestOf(items, settings, (blob) => blobs.path(blob))
  const { text, sha256 } = manifestText(manifest)
  const folder = join(root, 'frozen', sha256)
  const noDerivatives = all.length - items.length
  const history = await readHistory(join(root, 'frozen'))
  if (!(await isFrozen(folder))) {
    const earlier = await history.before(sha256)
    const child = earlier === null ? null : childOf(earlier, items, reasonsIn(ledger, all))
    const parts = partsOf(manifest, settings)
    const page = setPage(manifest, parts, { sha256, noDerivatives, refusals: await refusalsOf(ledger, blobs), child })
    const texts = {
      'index.html': page,
      'manifest.json': text,
      ...(child !== null && { [differenceFile]: `${canonicalJson(child)}\n` }),
    }
    await writing(root, () => writeSet(folder, blobs, { items, parts, texts }, signal))
  }
  await writing(root, () => history.add(sha256))
  const { views, picks, splits } = manifest
  const { unreviewed } = ledger.review.counts()
  return { folder, sha256, views, picks, splits, child: await readChild(folder), noDerivatives, unreviewed }
}

const differenceFile = 'difference.json'

function* keptEntries(ledger: Ledger): Generator<KeptEntry> {
  for (let after = 0; ; ) {
    const page = ledger.kept(pageSize, after)
    yield* page
    const last = page.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

/** With pictures of what was fetched before it was refused. */
async function refusalsOf(ledger: Ledger, blobs: BlobStore): Promise<RefusalExamples[]> {
  const refused = await mapParallel(
    ledger.refused(examplesPerReason),
    availableParallelism(),
    async ({ reason, url, blob }) => ({
      ...{ reason, address: shownAddress(url) },
      thumbnail: blob === null ? null : await thumbnailOf(blobs.path(blob)),
    }),
  )
  return ledger.counts().refusals.map(({ reason, count }) => ({
    ...{ reason, count },
    examples: refused.filter((one) => one.reason === reason),
  }))
}

function childOf(earlier: EarlierSet, items: readonly SetItem[], reasonOf: (item: Addressed) => string): SetChild {
  return { parent: earlier.sha256, difference: differenceOf(earlier.items, items, reasonOf) }
}

type Addressed = Pick<SetItem, 'blob' | 'url'>

/** Why images are in a set no more: as the ledger refused them since, or as their licence is heeded now. */
function reasonsIn(ledger: Ledger, fetched: readonly SetItem[]): (item: Addressed) => string {
  const held = new Set(fetched.map(({ blob }) => blob))
  let refused: ReadonlyMap<string, string> | undefined
  return ({ blob, url }) => {
    if (held.has(blob)) return noDerivativesReason
    refused ??= new Map(ledger.refused(Number.MAX_SAFE_INTEGER).map((one) => [addressKey(one.url), one.reason]))
    return refused.get(addressKey(url)) ?? 'unknown'
  }
}

/** Of a file on this machine the name is all that a manifest has. */
function addressKey(url: string): string {
  return url.startsWith('file:') ? `file:${posix.basename(url.slice('file:'.length))}` : urlKey(url)
}

async function readChild(folder: string): Promise<SetChild | null> {
  const text = await readFile(join(folder, differenceFile), 'utf8').catch(() => null)
  return text === null ? null : (JSON.parse(text) as SetChild)
}

function refuseLongCaptions(folder: string, items: readonly SetItem[]): void {
  const long = items.filter(({ caption }) => caption.length > longestCaption)
  const [first] = long
  if (first === undefined) return
  throw new DatasetError({
    code: 'caption-too-long',
    message: `The captions of ${long.length} images have more than ${longestCaption} characters as they are worded, that of ${first.url} for one. Shorten prefix, suffix and template.`,
    facts: { folder, files: long.map(({ file }) => file) },
  })
}

function unfinished(folder: string, waiting: number): DatasetError {
  return new DatasetError({
    code: 'unfinished-set',
    message: `${waiting} candidates of ${folder} are still to be fetched. Run curate again until none is left.`,
    facts: { folder, waiting },
  })
}

function empty(folder: string, noDerivatives: number): DatasetError {
  return new DatasetError({
    code: 'empty-set',
    message:
      noDerivatives === 0
        ? `${folder} has no image that was kept. Look at the reasons that curate tells, and widen queries or settings.`
        : `The licences of all ${noDerivatives} images in ${folder} forbid derived works. Use other sources, or keep them on purpose.`,
    facts: { folder, noDerivatives },
  })
}
