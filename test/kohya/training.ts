import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resolve } from '../../src/config/resolve.ts'
import { presentation, type SubsetInput, subsetInput, subsetsOf } from '../../src/config/subset.ts'
import { lora } from '../../src/config/technique.ts'
import { type TrainingSettingsInput, trainingSettings } from '../../src/config/training.ts'
import type { KohyaRequest } from '../../src/kohya/kohya-training.ts'
import type { DatasetReference, JobOf } from '../../src/protocol/jobs.ts'
import type { BaseDescription } from '../../src/protocol/results.ts'
import { ensureEnvironment } from '../../src/worker/environment.ts'

/** What stands in for sd-scripts. */
export const checkout = fileURLToPath(new URL('fixtures/checkout', import.meta.url))
const { python } = await ensureEnvironment({ test: true })

/** A base with the layout of SD 1.5. */
export const base: BaseDescription = {
  type: 'inspect-base',
  family: 'sd-1',
  inpainting: false,
  prediction: 'epsilon',
  imageSize: 512,
  reduction: 8,
  sizeStep: 64,
  latentChannels: 4,
  textWidth: 768,
  vocabularySize: 49408,
  unetParameters: 859_520_964,
  textEncoderParameters: 123_060_480,
  autoencoderParameters: 83_653_863,
  sha256: 'b'.repeat(64),
}

/** What `jobOf` and `request` are told. */
export type Changes = Partial<TrainingSettingsInput> & { readonly subsets?: readonly SubsetInput[] }

/** A training of two images, in each subset, with a LoRA. */
export function jobOf({ subsets = [{}], ...settings }: Changes = {}, output = '/run'): JobOf<'train'> {
  return {
    type: 'train',
    base: join(checkout, 'base'),
    subsets: subsetsOf({
      subsets: subsets.map((subset, index) => ({ ...subsetInput.parse(subset), dataset: datasetAt(index) })),
      ...presentation.parse({}),
    }),
    settings: resolve(trainingSettings, { technique: lora(), ...settings }, 'training'),
    buckets: null,
    heldOut: null,
    pauseAfter: null,
    output,
    name: 'hands',
  }
}

function datasetAt(index: number): DatasetReference {
  const root = index === 0 ? '/images' : `/images-${index}`
  return { root, manifest: `${root}/manifest.jsonl`, sha256: 'c'.repeat(64) }
}

/** A request for the checkout that stands in, with a run folder and a base of its own. */
export async function request(settings: Changes = {}, folder?: string): Promise<KohyaRequest> {
  const output = folder ?? (await mkdtemp(join(tmpdir(), 'phalanx-test-')))
  await mkdir(join(output, 'base', 'tokenizer'), { recursive: true })
  const items = ['a.png', 'b.png'].map((file) => ({
    file,
    sha256: 'd'.repeat(64),
    caption: `a photo of ${file}`,
    width: 512,
    height: 512,
    fingers: null,
    defect: null,
    control: null,
    mask: null,
    repeats: 1,
  }))
  const job = { ...jobOf(settings, output), base: join(output, 'base') }
  return {
    job,
    items: job.subsets.map(() => items),
    base,
    engine: { type: 'kohya', home: checkout, python },
    config: 'e'.repeat(64),
  }
}
