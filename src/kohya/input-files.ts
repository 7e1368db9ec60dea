import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import sharp from 'sharp'
import type { BucketSettings } from '../config/bucket.ts'
import { bucketGrid } from '../dataset/index.ts'
import { ConfigError } from '../errors/index.ts'
import type { DatasetItem, JobOf } from '../protocol/jobs.ts'
import type { BaseDescription } from '../protocol/results.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import type { Expressed } from './express.ts'

/** The name under which sd-scripts looks for the tokenizer of SD 1. */
const tokenizerName = 'openai_clip-vit-large-patch14'

/** A picture that is drawn on the way. */
export interface Preview {
  readonly prompt: string
  readonly seed: number
}

/** Prompts with seeds, in the order in which sd-scripts numbers them. */
export function previewsOf({ preview }: JobOf<'train'>['settings']): Preview[] {
  if (preview === null) return []
  return preview.prompts.flatMap((prompt) => preview.seeds.map((seed) => ({ prompt, seed })))
}

/** Of several lines sd-scripts reads the first. Throws ConfigError (`engine-cannot-express`). */
export function refuseSeveralLines(items: readonly (readonly DatasetItem[])[]): void {
  const files = items.flat().flatMap(({ file, caption }) => (caption.trim().includes('\n') ? [file] : []))
  if (files.length === 0) return
  throw new ConfigError({
    code: 'engine-cannot-express',
    message: `The engine kohya reads only the first line of a caption, and ${files.length} have more: ${files.slice(0, 3).join(', ')}${files.length > 3 ? ', …' : ''}. Write them on one line, or leave the engine out.`,
    facts: { files },
  })
}

/** Writes what sd-scripts reads into the run folder, and gives all its options. */
export async function writeInputFiles(
  job: JobOf<'train'>,
  items: readonly (readonly DatasetItem[])[],
  base: BaseDescription,
  { options, subsets }: Expressed,
): Promise<string[]> {
  const { settings, output } = job
  const folder = join(output, 'kohya')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const write = async (name: string, value: unknown): Promise<string> => {
    await atomicWrite(join(folder, name), JSON.stringify(value, null, 2))
    return join(folder, name)
  }
  // Its vocabulary is the base's own; it would otherwise be asked of a hub.
  await cp(join(job.base, 'tokenizer'), join(folder, 'tokenizers', tokenizerName), { recursive: true })
  const size = [settings.width ?? base.imageSize, settings.height ?? base.imageSize] as const
  const sources = job.subsets.flatMap(({ dataset, repeats, regularisation }, subset) =>
    byRepeats(items[subset] ?? []).map(([own, part]) => ({
      ...{ root: dataset.root, repeats: repeats * own, regularisation, items: part, said: subsets[subset] },
    })),
  )
  const classes = sources.some(({ regularisation }) => regularisation)
  const own = sources.filter(({ regularisation }) => !regularisation)
  // One epoch holds all steps: between epochs, a training that goes on from a checkpoint would lose count.
  const epoch = (classes ? 2 : 1) * own.reduce((sum, { repeats, items }) => sum + repeats * items.length, 0)
  const epochs = Math.ceil((settings.steps * settings.batchSize * settings.accumulation) / epoch)
  const described = []
  for (const [index, { root, repeats, regularisation, items, said }] of sources.entries()) {
    // Class images are repeated until there are as many as others; only datasets with caption files have any.
    const num_repeats = regularisation ? 1 : repeats * epochs
    if (classes) {
      const image_dir = await linkImages(join(folder, `images-${index}`), root, items)
      described.push({ image_dir, caption_extension: '.txt', num_repeats, ...said })
      continue
    }
    const paths = await uprightFiles(join(folder, `upright-${index}`), root, items)
    const captions = items.map(({ caption }, i) => [paths[i], { caption }])
    const metadata = await write(`captions-${index}.json`, Object.fromEntries(captions))
    described.push({ metadata_file: metadata, image_dir: root, num_repeats, ...said })
  }
  const dataset = await write('dataset.json', {
    datasets: [
      {
        resolution: size,
        batch_size: settings.batchSize,
        ...(settings.buckets === null ? { enable_bucket: false } : bucketOptions(settings.buckets, size, base)),
        subsets: described,
      },
    ],
  })
  const paths = {
    pretrained_model_name_or_path: job.base,
    tokenizer_cache_dir: join(folder, 'tokenizers'),
    dataset_config: dataset,
    output_dir: output,
    output_name: job.name,
    save_model_as: 'safetensors',
    save_precision: 'float',
    max_data_loader_n_workers: '0',
  }
  const placed = Object.entries(paths).flatMap(([name, value]) => [`--${name}`, value])
  return [...options, ...placed, '--sdpa', ...(await previewOptions(settings, size, write))]
}

/** Images by how often each is seen in an epoch, as sd-scripts repeats whole subsets. */
function byRepeats(items: readonly DatasetItem[]): [repeats: number, items: DatasetItem[]][] {
  const groups = new Map<number, DatasetItem[]>()
  for (const item of items) groups.set(item.repeats, [...(groups.get(item.repeats) ?? []), item])
  return [...groups]
}

/** A folder with links to images, numbered in their order, and their captions beside them; gives its path. */
async function linkImages(folder: string, root: string, items: readonly DatasetItem[]): Promise<string> {
  await mkdir(folder)
  const paths = await uprightFiles(`${folder}-upright`, root, items)
  for (const [index, { caption }] of items.entries()) {
    const name = join(folder, String(index).padStart(6, '0'))
    const path = paths[index] as string
    await symlink(path, `${name}${extname(path)}`)
    // An empty file would be an error there, and none is the empty caption.
    if (caption.trim() !== '') await writeFile(`${name}.txt`, caption)
  }
  return folder
}

/**
 * Paths of the images. Those that lie on their side, which their EXIF tells and sd-scripts does not heed, are written
 * upright into `folder`. What cannot be read is told by sd-scripts.
 */
async function uprightFiles(folder: string, root: string, items: readonly DatasetItem[]): Promise<string[]> {
  const paths: string[] = []
  for (const [index, { file }] of items.entries()) {
    const path = join(root, file)
    const orientation = await sharp(path)
      .metadata()
      .then((header) => header.orientation ?? 1)
      .catch(() => 1)
    if (orientation === 1) paths.push(path)
    else {
      await mkdir(folder, { recursive: true })
      const copy = join(folder, `${String(index).padStart(6, '0')}.png`)
      await sharp(path).autoOrient().png().toFile(copy)
      paths.push(copy)
    }
  }
  return paths
}

/** There, images go to the size whose quotient of width and height differs least. */
function bucketOptions(
  buckets: BucketSettings,
  [width, height]: readonly [number, number],
  base: BaseDescription,
): Record<string, unknown> {
  const { step, least, largest, upscale } = bucketGrid(buckets, { width, height }, base)
  return {
    enable_bucket: true,
    bucket_reso_steps: step,
    min_bucket_reso: least,
    max_bucket_reso: largest,
    bucket_no_upscale: !upscale,
  }
}

async function previewOptions(
  settings: JobOf<'train'>['settings'],
  size: readonly number[],
  write: (name: string, value: unknown) => Promise<string>,
): Promise<string[]> {
  const { preview } = settings
  if (preview === null) return []
  const { sampler, steps, guidance, width, height } = preview.sampling
  const prompts = previewsOf(settings).map(({ prompt, seed }) => ({
    prompt,
    seed,
    sample_sampler: sampler,
    sample_steps: steps,
    scale: guidance,
    width: width ?? size[0],
    height: height ?? size[1],
  }))
  return ['--sample_prompts', await write('previews.json', prompts), '--sample_every_n_steps', String(preview.every)]
}
