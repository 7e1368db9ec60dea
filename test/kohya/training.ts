import { mkdir, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resolve } from '../../src/config/resolve.ts'
import { lora } from '../../src/config/technique.ts'
import { type TrainingSettingsInput, trainingSettings } from '../../src/config/training.ts'
import type { KohyaRequest } from '../../src/kohya/kohya-training.ts'
import type { JobOf } from '../../src/protocol/jobs.ts'
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
  latentChannels: 4,
  textWidth: 768,
  vocabularySize: 49408,
  unetParameters: 859_520_964,
  textEncoderParameters: 123_060_480,
  autoencoderParameters: 83_653_863,
  sha256: 'b'.repeat(64),
}

/** A training of two images with a LoRA. */
export function jobOf(settings: Partial<TrainingSettingsInput> = {}, output = '/run'): JobOf<'train'> {
  return {
    type: 'train',
    base: join(checkout, 'base'),
    dataset: { root: '/images', manifest: '/manifest.jsonl', sha256: 'c'.repeat(64) },
    settings: resolve(trainingSettings, { technique: lora(), ...settings }, 'training'),
    heldOut: null,
    output,
    name: 'hands',
  }
}

/** A request for the checkout that stands in, with a run folder and a base of its own. */
export async function request(settings: Partial<TrainingSettingsInput> = {}, folder?: string): Promise<KohyaRequest> {
  const output = folder ?? (await mkdtemp(join(tmpdir(), 'phalanx-test-')))
  await mkdir(join(output, 'base', 'tokenizer'), { recursive: true })
  const items = ['a.png', 'b.png'].map((file) => ({
    file,
    sha256: 'd'.repeat(64),
    caption: `a photo of ${file}`,
    fingers: null,
    defect: null,
    control: null,
  }))
  const job = { ...jobOf(settings, output), base: join(output, 'base') }
  return { job, items, base, engine: { type: 'kohya', home: checkout, python }, config: 'e'.repeat(64) }
}
