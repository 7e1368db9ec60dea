import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { openAdapter } from '../artefact/adapter.ts'
import type { RgbImage } from '../artefact/png.ts'
import type { Recipe } from '../artefact/recipe.ts'
import type { AdapterReference, SampleRequest } from '../config/sampling.ts'
import type { JobOf } from '../protocol/jobs.ts'
import type { Base } from './lab.ts'

/** Tells the recipe of each image of a job. The adapters are read as soon as this is called. */
export function recipesOf(job: JobOf<'sample'>, base: Base): (index: number, image: RgbImage) => Promise<Recipe> {
  const adapters = Promise.all(job.adapters.map(describeAdapter))
  // A file that cannot be read fails the job too, which then tells it.
  adapters.catch(() => undefined)
  const { batchSize: _speed, width: _width, height: _height, ...sampling } = job.sampling
  return async (index, { width, height }) => {
    const { prompt, negativePrompt, seed, image, controls } = job.requests[index] as SampleRequest
    return {
      format: 'phalanx-image',
      version: 1,
      prompt,
      negativePrompt,
      seed,
      ...sampling,
      width,
      height,
      image: image && { ...image, file: basename(image.file), mask: image.mask && basename(image.mask) },
      controls: job.controls.map(({ file, ...how }, i) => ({
        name: basename(file),
        picture: basename(controls[i] ?? ''),
        ...how,
      })),
      base: { name: basename(base.name), sha256: base.description.sha256 },
      adapters: await adapters,
    }
  }
}

async function describeAdapter({ file, strength }: AdapterReference): Promise<Recipe['adapters'][number]> {
  const { kind, sha256 } = await openAdapter(file)
  return { name: basename(file, extname(file)), kind, strength, sha256, tensorSha256: await tensorSha256(file) }
}

/** Over the bytes after the header of a safetensors file. */
async function tensorSha256(file: string): Promise<string> {
  const handle = await open(file)
  const length = Buffer.alloc(8)
  await handle.read(length, 0, 8, 0).finally(() => handle.close())
  const hash = createHash('sha256')
  for await (const part of createReadStream(file, { start: 8 + Number(length.readBigUInt64LE()) })) hash.update(part)
  return hash.digest('hex')
}
