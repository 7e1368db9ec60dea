import { once } from 'node:events'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import sharp from 'sharp'
import { mapParallel } from '../../src/util/map-parallel.ts'
import { RandomStream } from '../../src/util/random.ts'

/** Sizes of photographs as sources of images offer them. */
const sizes = [
  ...[
    [640, 480],
    [800, 600],
    [1024, 683],
    [1024, 768],
    [1200, 900],
    [1280, 853],
    [1600, 1067],
  ],
  ...[
    [600, 800],
    [683, 1024],
    [768, 1024],
    [1067, 1600],
  ],
] as const
const canvas = { width: 2000, height: 2000 }
const canvases = 12

/** Makes so many JPEGs of different content in a folder, once; it is there whole or not at all. */
export async function makePictures(folder: string, count: number): Promise<void> {
  if ((await readdir(folder).catch(() => [])).length === count) return
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const grounds = await mapParallel(
    Array.from({ length: canvases }, (_, i) => i),
    2,
    drawCanvas,
  )
  await mapParallel(
    Array.from({ length: count }, (_, i) => i),
    availableParallelism(),
    async (i) => {
      const random = new RandomStream('bench-picture', i)
      const [width = 0, height = 0] = random.pick(sizes)
      const left = random.integer(canvas.width - width)
      const top = random.integer(canvas.height - height)
      const picture = sharp(random.pick(grounds), { raw: { ...canvas, channels: 3 } })
        .extract({ left, top, width, height })
        .modulate({ hue: random.integer(360), brightness: random.uniform(0.7, 1.2) })
      await writeFile(join(partial, `${i}.jpg`), await picture.jpeg({ quality: 85 }).toBuffer())
    },
  )
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
}

/** Many soft shapes under the grain of a camera: about as many bytes a pixel as a photograph. */
async function drawCanvas(seed: number): Promise<Buffer> {
  const random = new RandomStream('bench-canvas', seed)
  const shapes = Array.from({ length: 500 }, () => {
    const [x, y, r] = [2000, 2000, 160].map((top) => Math.floor(random.uniform(0, top)))
    const colour = `hsl(${random.integer(360)},${20 + random.integer(50)}%,${20 + random.integer(60)}%)`
    return `<ellipse cx="${x}" cy="${y}" rx="${r}" ry="${random.uniform(4, 160)}" fill="${colour}"/>`
  })
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="2000">${shapes.join('')}</svg>`
  const grain = { type: 'gaussian', mean: 128, sigma: 9 } as const
  const noise = await sharp({ create: { ...canvas, channels: 3, background: '#888', noise: grain } })
    .png()
    .toBuffer()
  return sharp(Buffer.from(drawing))
    .flatten({ background: '#876' })
    .blur(1.2)
    .composite([{ input: noise, blend: 'soft-light' }])
    .removeAlpha()
    .raw()
    .toBuffer()
}

/** A process that serves a folder's files on loopback under any first part of the path, and tells when each was first asked. */
export interface PictureSite extends AsyncDisposable {
  readonly port: number
  address(run: string, file: string): string
  /** When a run asked for its first file, in ms since 1970. */
  started(run: string): number
}

export async function servePictures(folder: string): Promise<PictureSite> {
  const script = fileURLToPath(new URL('serve-pictures.mjs', import.meta.url))
  const child = execa(process.execPath, [script, folder], { stdin: 'ignore', reject: false, buffer: false })
  const starts = new Map<string, number>()
  let port = 0
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) {
        const [name = '', value] = line.split(' ')
        if (name === 'port') port = Number(value)
        else starts.set(name, Number(value))
      }
      resolve()
    })
  })
  await ready
  return {
    port,
    address: (run, file) => `http://127.0.0.1:${port}/${run}/${file}`,
    started: (run) => starts.get(run) ?? Number.NaN,
    [Symbol.asyncDispose]: async () => {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    },
  }
}
