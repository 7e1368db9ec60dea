import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { resolve as absolute, dirname, join } from 'node:path'
import { DatasetError } from '../errors/index.ts'
import { type KeptEntry, type Ledger, openLedger } from '../ledger/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { canonicalJson } from '../util/canonical-json.ts'
import { mapParallel } from '../util/map-parallel.ts'
import { type BlobStore, openBlobStore, writing } from './blob-store.ts'
import { attributionText, forbidsDerivatives, licencesText } from './licences.ts'
import { itemOf, manifestOf, manifestText, type SetItem, type SetManifest, shownAddress } from './manifest.ts'
import { formOf, writeImage } from './plain-image.ts'
import { type RefusalExamples, setPage } from './set-page.ts'
import { views } from './views.ts'

export interface FreezeOptions {
  /** Keeps images whose licence forbids derived works. False by default. */
  readonly keepNoDerivatives?: boolean
  readonly signal?: AbortSignal | undefined
}

/** A set that changes no more. */
export interface FrozenSet {
  /** Holds `manifest.json`, `index.html` to look at, `metadata.jsonl`, `photos.jsonl`, `images`, `LICENSES.md` and `attribution.jsonl`. */
  readonly folder: string
  /** Of the manifest; the folder's name. */
  readonly sha256: string
  readonly views: SetManifest['views']
  /** Images that were left out, as their licences forbid derived works. */
  readonly noDerivatives: number
  /** Images on which nobody decided in a review; they are in the set. */
  readonly unreviewed: number
}

const pageSize = 1000
const examplesPerReason = 3

/**
 * Freezes what a set's folder has by now, as people decided in a review, into `frozen/<sha256>`, which is there whole or
 * not at all and is the same for the same images and captions. `lab.dataset` takes the folder (all images) and its `photos.jsonl`.
 *
 * Throws DatasetError (`unfinished-set` while candidates wait, `empty-set`, `ledger-in-use`, `disk-full`,
 * `unwritable-folder`) or the signal's reason.
 */
export async function freezeSet(setFolder: string, options: FreezeOptions = {}): Promise<FrozenSet> {
  const { signal = new AbortController().signal, keepNoDerivatives = false } = options
  const root = absolute(setFolder)
  await using ledger = await openLedger(root, { signal })
  const { waiting } = ledger.counts().states
  if (waiting > 0) throw unfinished(root, waiting)
  const blobs = await openBlobStore(join(root, 'blobs'))
  const all = await mapParallel([...keptEntries(ledger)], availableParallelism(), async (entry) => {
    signal.throwIfAborted()
    return itemOf(entry, await formOf(blobs.path(entry.blob)))
  })
  const items = keepNoDerivatives ? all : all.filter((item) => !forbidsDerivatives(item))
  if (items.length === 0) throw empty(root, all.length)
  const manifest = manifestOf(items)
  const { text, sha256 } = manifestText(manifest)
  const folder = join(root, 'frozen', sha256)
  const noDerivatives = all.length - items.length
  const page = setPage(manifest, { sha256, noDerivatives, refusals: refusalsOf(ledger) })
  if ((await stat(folder).catch(() => null)) === null)
    await writing(root, () => writeSet(folder, blobs, { items, manifest: text, page }, signal))
  return { folder, sha256, views: manifest.views, noDerivatives, unreviewed: ledger.review.counts().unreviewed }
}

function* keptEntries(ledger: Ledger): Generator<KeptEntry> {
  for (let after = 0; ; ) {
    const page = ledger.kept(pageSize, after)
    yield* page
    const last = page.at(-1)
    if (last === undefined) return
    after = last.id
  }
}

function refusalsOf(ledger: Ledger): RefusalExamples[] {
  const examples = ledger.refused(examplesPerReason)
  return ledger.counts().refusals.map(({ reason, count }) => ({
    reason,
    count,
    examples: examples.filter((one) => one.reason === reason).map(({ url }) => shownAddress(url)),
  }))
}

/** In a folder that takes its name when all is there. */
async function writeSet(
  folder: string,
  blobs: BlobStore,
  { items, manifest, page }: { items: readonly SetItem[]; manifest: string; page: string },
  signal: AbortSignal,
): Promise<void> {
  const partial = `${folder}.partial`
  const parent = dirname(folder)
  await mkdir(parent, { recursive: true })
  // What a killed process left, of this or of another content.
  for (const name of await readdir(parent))
    if (name.endsWith('.partial')) await rm(join(parent, name), { recursive: true, force: true })
  await mkdir(join(partial, 'images'), { recursive: true })
  await mapParallel(items, availableParallelism(), async ({ blob, file, form }) => {
    signal.throwIfAborted()
    await writeImage(blobs.path(blob), join(partial, file), form)
  })
  for (const view of views) {
    const held = items.filter((item) => view.holds(item))
    const rows = held.map(({ file, caption }) => `${canonicalJson({ file_name: file, text: caption })}\n`)
    if (held.length > 0) await atomicWrite(join(partial, view.file), rows.join(''))
  }
  await atomicWrite(join(partial, 'LICENSES.md'), licencesText(items))
  await atomicWrite(join(partial, 'attribution.jsonl'), attributionText(items))
  await atomicWrite(join(partial, 'index.html'), page)
  await atomicWrite(join(partial, 'manifest.json'), manifest)
  await rename(partial, folder)
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
