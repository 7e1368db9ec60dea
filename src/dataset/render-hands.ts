import { readFile, stat, writeFile } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { seed } from '../config/sampling.ts'
import { ArtefactError } from '../errors/index.ts'
import { edgeMap } from '../render/edge-map.ts'
import { type GestureName, gestureNames } from '../render/gestures.ts'
import { type HandRender, renderHand } from '../render/hand-render.ts'
import { poseMap } from '../render/pose-map.ts'
import { sampleScene } from '../render/scene.ts'
import { inFolder } from '../util/in-folder.ts'
import { wholeFolder } from '../util/whole-folder.ts'

/** What each picture may have beside it for a ControlNet. */
export const controlMaps = ['depth', 'edges', 'pose'] as const

const renderOptions = z.strictObject({
  count: z.int().min(1).max(1_000_000).default(100),
  size: z.int().min(16).max(2048).default(512),
  seed: seed.default(0),
  gestures: z
    .array(z.enum(gestureNames))
    .min(1)
    .refine((names) => new Set(names).size === names.length, 'must name every gesture once')
    .default(gestureNames),
  style: z.enum(['photo', 'drawing']).nullable().default(null),
  side: z.enum(['palm', 'back']).nullable().default(null),
  control: z.enum(controlMaps).nullable().default(null),
  masks: z.boolean().default(false),
})
type Settings = z.output<typeof renderOptions>

/** What {@link renderHands} draws. */
export interface RenderHandsOptions {
  /** 100 by default. */
  readonly count?: number | undefined
  /** Width and height in pixels; 512 by default. */
  readonly size?: number | undefined
  /** Of the first picture; the next one has the next. 0 by default. */
  readonly seed?: number | undefined
  /** As many pictures of each, one gesture after the other; all by default. */
  readonly gestures?: readonly GestureName[] | undefined
  /** Photographs, and now and then a drawing, unless one is named. */
  readonly style?: 'photo' | 'drawing' | null | undefined
  /** Palms and backs by chance, unless one is named. */
  readonly side?: 'palm' | 'back' | null | undefined
  /**
   * A picture beside each that a ControlNet reads: `depth` as HandRefiner has it (255 nearest, 51 farthest, 0 no hand),
   * `edges` as of OpenCV's Canny at 100 and 200, `pose` as OpenPose draws it. None by default.
   */
  readonly control?: (typeof controlMaps)[number] | null | undefined
  /** A mask beside each picture, white on the hand; false by default. */
  readonly masks?: boolean | undefined
}

export interface RenderHandsRun {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const recordFile = 'renders.json'

/**
 * Draws sound hands with exact captions, finger counts, control pictures and masks into a folder that `lab.dataset`
 * opens. The folder appears when it is whole; one that was drawn with the same options is left as it is. The same
 * options give the same pictures on every machine.
 *
 * Rejects with ConfigError, with ArtefactError (`folder-taken`), with DatasetError (`disk-full`, `unwritable-folder`), or
 * with the signal's reason.
 */
export async function renderHands(
  folder: string,
  options: RenderHandsOptions,
  { signal, onProgress }: RenderHandsRun = {},
): Promise<void> {
  const settings = resolve(renderOptions, options, 'renders')
  const place = absolute(folder)
  const record = `${JSON.stringify(settings, null, 2)}\n`
  if (await isDrawn(place, record)) return
  await inFolder(place, { code: 'unwritable-folder', words: 'cannot be written' }, () =>
    wholeFolder(place, async (partial) => {
      const lines: string[] = []
      for (const picture of picturesOf(settings)) {
        signal?.throwIfAborted()
        lines.push(`${JSON.stringify(await drawn(picture, settings, partial))}\n`)
        onProgress?.(lines.length, settings.count)
      }
      await writeFile(join(partial, 'metadata.jsonl'), lines.join(''))
      await writeFile(join(partial, recordFile), record)
    }),
  )
}

/** Whether the folder has these pictures. Throws ArtefactError for one that has others. */
async function isDrawn(place: string, record: string): Promise<boolean> {
  const there = await stat(place).catch(() => null)
  if (there === null) return false
  if ((await readFile(join(place, recordFile), 'utf8').catch(() => null)) === record) return true
  throw new ArtefactError({
    code: 'folder-taken',
    message: `${place} is there and does not hold the renders that were asked for. Name another folder, or remove it.`,
    facts: { folder: place },
  })
}

interface RenderedPicture {
  readonly name: string
  readonly gesture: GestureName
  readonly seed: number
}

function picturesOf({ count, gestures, seed }: Settings): RenderedPicture[] {
  const drawn = new Map<GestureName, number>()
  return Array.from({ length: count }, (_, i) => {
    const gesture = gestures[Math.floor((i * gestures.length) / count)] as GestureName
    const number = (drawn.get(gesture) ?? 0) + 1
    drawn.set(gesture, number)
    return { name: `${gesture}-${String(number).padStart(3, '0')}`, gesture, seed: seed + i }
  })
}

/** Draws a picture with what belongs to it, and gives its line of metadata. */
async function drawn({ name, gesture, seed }: RenderedPicture, settings: Settings, folder: string) {
  const { size, style, side, control, masks } = settings
  const scene = sampleScene(seed, { gesture, ...(style !== null && { style }), ...(side !== null && { side }) })
  // Drawn at twice the size and reduced, as tiny-hands was taught.
  const render = renderHand(scene, { width: 2 * size, height: 2 * size })
  const rgb = await reduced(render.rgb, 3, size)
  const files = {
    file_name: `${name}.png`,
    control: control && `${name}.control.png`,
    mask: masks ? `${name}.mask.png` : null,
  }
  await save(rgb, 3, files.file_name)
  if (files.control !== null) await saveControl(files.control)
  if (files.mask !== null) await save(await reduced(render.mask, 1, size), 1, files.mask)
  return { ...files, text: render.caption, fingers: render.fingers, defect: false }

  async function saveControl(file: string): Promise<void> {
    if (control === 'depth') await save(await reduced(render.depthMap, 1, size), 1, file)
    if (control === 'edges') await save(edgeMap(rgb, size, size), 1, file)
    if (control === 'pose') await save(await poseMap([halved(render)], size, size), 3, file)
  }

  async function save(pixels: Uint8Array, channels: 1 | 3, file: string): Promise<void> {
    await image(pixels, channels, size).png().toFile(join(folder, file))
  }
}

async function reduced(pixels: Uint8Array, channels: 1 | 3, size: number): Promise<Uint8Array> {
  const whole = image(pixels, channels, 2 * size).resize(size, size, { kernel: 'lanczos3' })
  return new Uint8Array(await (channels === 1 ? whole.greyscale() : whole).raw().toBuffer())
}

function image(pixels: Uint8Array, channels: 1 | 3, side: number): Sharp {
  return sharp(pixels, { raw: { width: side, height: side, channels } })
}

function halved({ keypoints }: HandRender) {
  return keypoints.map(({ x, y, z }) => ({ x: x / 2, y: y / 2, z }))
}
