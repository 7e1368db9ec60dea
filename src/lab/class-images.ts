import { appendFile, mkdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { labFolders } from '../artefact/run-folder.ts'
import { type ClassImageSettings, classImageSettings } from '../config/class-images.ts'
import { contentId } from '../config/hash.ts'
import { resolve } from '../config/resolve.ts'
import type { Dataset, DatasetOptions } from '../dataset/index.ts'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { sha256 } from '../util/sha256.ts'
import { sha256File } from '../util/sha256-file.ts'
import type { Chain } from './chained-run.ts'
import { baseInput } from './inputs.ts'
import type { Base, SampleOptions, SampleRun } from './lab.ts'

/** What {@link Lab.classImages} takes: a base, a prompt, how many (100 by default), and how to draw them. */
export type ClassImagesRequest = z.input<typeof classImageSettings> & { readonly base: Base }

/** What the drawing of class images needs of its lab. */
export interface ClassImagesPlace {
  readonly folder: string
  readonly sample: (request: SampleOptions) => SampleRun
  readonly dataset: (folder: string, options: DatasetOptions) => Promise<Dataset>
}

const classImagesRequest = classImageSettings.extend({ base: baseInput })
/** Images of one sampling job: all of a job are held in memory. */
const largestJob = 64
const indexFile = 'drawn.jsonl'
const drawnLine = z.strictObject({ seed: z.int(), sha256: z.string().length(64) })

/** The request with its defaults. Throws ConfigError. */
export function planClassImages(input: ClassImagesRequest): ClassImageSettings & { readonly base: Base } {
  return resolve(classImagesRequest, input, 'class images')
}

/**
 * Class images of a lab, kept under what decides them: base, prompts, sampling, and the seed of each. Those that are there
 * are not drawn again, whichever training asked for them, and however many it asked for.
 */
export class ClassImages {
  readonly #place: ClassImagesPlace
  /** By folder: what is being done there, so that two runs never draw the same image. */
  readonly #busy = new Map<string, Promise<unknown>>()

  constructor(place: ClassImagesPlace) {
    this.#place = place
  }

  /**
   * The set as a dataset, when all of it is there. Rejects with JobError when drawing fails or is cancelled, which keeps
   * what is drawn, and ArtefactError (`changed-class-image`).
   */
  async get(plan: ReturnType<typeof planClassImages>, chain: Chain): Promise<Dataset> {
    const folder = this.#folderOf(plan)
    return this.#inTurn(folder, () => this.#complete(folder, plan, chain))
  }

  /** How many of a set are not there yet. Rejects with ArtefactError (`changed-class-image`). */
  async missing(plan: ReturnType<typeof planClassImages>): Promise<number> {
    const folder = this.#folderOf(plan)
    const drawn = await this.#inTurn(folder, () => readDrawn(folder))
    return seedsOf(plan).filter((seed) => !drawn.has(seed)).length
  }

  #folderOf(plan: ReturnType<typeof planClassImages>): string {
    return join(this.#place.folder, labFolders.classImages, keyOf(plan))
  }

  #inTurn<Found>(folder: string, work: () => Promise<Found>): Promise<Found> {
    const before = this.#busy.get(folder) ?? Promise.resolve()
    const mine = before.then(work)
    const settled = mine.catch(() => undefined)
    this.#busy.set(folder, settled)
    return mine.finally(() => {
      if (this.#busy.get(folder) === settled) this.#busy.delete(folder)
    })
  }

  async #complete(folder: string, plan: ReturnType<typeof planClassImages>, chain: Chain): Promise<Dataset> {
    const seeds = seedsOf(plan)
    await mkdir(join(folder, 'images'), { recursive: true })
    const drawn = await readDrawn(folder)
    const missing = seeds.filter((seed) => !drawn.has(seed))
    let done = seeds.length - missing.length
    if (missing.length > 0) chain.emit({ type: 'phase-start', phase: 'sampling', total: seeds.length })
    for (let first = 0; first < missing.length; first += largestJob) {
      const wanted = missing.slice(first, first + largestJob)
      const run = chain.follow(() => this.#place.sample(samplingOf(plan, wanted)))
      for await (const event of run) {
        if (event.type === 'log-line') chain.emit(event)
        if (event.type !== 'image-end') continue
        const content = await event.image.toPng()
        await atomicWrite(imagePath(folder, event.image.seed), content)
        const line = { seed: event.image.seed, sha256: sha256(content) }
        await appendFile(join(folder, indexFile), `${JSON.stringify(line)}\n`)
        done += 1
        chain.emit({ type: 'progress-update', done, total: seeds.length })
      }
    }
    const files = new Set(seeds.map(fileName))
    return this.#place.dataset(join(folder, 'images'), {
      caption: plan.prompt,
      filter: ({ file }) => files.has(file),
    })
  }
}

function seedsOf({ images, seed }: ClassImageSettings): number[] {
  return Array.from({ length: images }, (_, i) => seed + i)
}

/** Without what changes speed alone, and without how many. */
function keyOf({
  base,
  images: _images,
  batchSize: _batch,
  seed: _seed,
  ...drawing
}: ClassImageSettings & { base: Base }) {
  return contentId({ base: base.description.sha256, ...drawing }).slice(0, 16)
}

function samplingOf(plan: ReturnType<typeof planClassImages>, seeds: readonly number[]): SampleOptions {
  const { images: _images, seed: _seed, prompt, ...how } = plan
  return { ...how, prompts: [prompt], seeds: [...seeds] }
}

function fileName(seed: number): string {
  return `${seed}.png`
}

function imagePath(folder: string, seed: number): string {
  return join(folder, 'images', fileName(seed))
}

/** Seeds whose images are there as they were drawn. */
async function readDrawn(folder: string): Promise<Set<number>> {
  const path = join(folder, indexFile)
  const text = await readFile(path, 'utf8').catch(() => '')
  const lines = text.split('\n').flatMap(parseLine)
  // A kill may have torn the last line; what comes next must begin a line of its own.
  if (text !== '' && !text.endsWith('\n'))
    await atomicWrite(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  const seeds = new Set<number>()
  for (const { seed, sha256: expected } of new Map(lines.map((line) => [line.seed, line])).values()) {
    const image = imagePath(folder, seed)
    if ((await stat(image).catch(() => null)) === null) continue
    if ((await sha256File(image)) !== expected) throw changed(image)
    seeds.add(seed)
  }
  return seeds
}

function parseLine(text: string): z.output<typeof drawnLine>[] {
  try {
    return [drawnLine.parse(JSON.parse(text))]
  } catch {
    return []
  }
}

function changed(path: string): ArtefactError {
  return new ArtefactError({
    code: 'changed-class-image',
    message: `${path} is not the class image that was drawn there. Delete it, and it is drawn again; for class images of your own, name their folder.`,
    facts: { path },
  })
}
