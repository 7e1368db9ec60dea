import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import type { Dataset } from '../dataset/index.ts'
import { type Defect, extraFingerPlaces } from '../render/defects.ts'
import type { GestureName } from '../render/gestures.ts'
import { renderHand } from '../render/hand-render.ts'
import { fingerNames } from '../render/rig.ts'
import { type HandScene, sampleScene } from '../render/scene.ts'
import { RandomStream } from '../util/random.ts'
import { damage, damages, severities } from './damage.ts'

/** An image whose truth is known. */
export interface TestImage {
  readonly file: string
  readonly source: string
  /** What is wrong with it, `sound` for nothing. */
  readonly kind: string
  /** 0 for sound images. */
  readonly severity: number
  /** What a prompt would ask for. */
  readonly prompt: string
  /** Fingers that it would ask for; null where nobody said. */
  readonly fingers: number | null
}

/** Kinds that are wrong anatomy: these decide whether a metric is trusted. */
export const anatomy: ReadonlySet<string> = new Set(['extra finger', 'missing finger'])

/** Called after each image. */
export type Made = (done: number) => void

const size = 128
const open: GestureName = 'open-palm'
const otherGestures: readonly GestureName[] = ['fist', 'victory', 'thumbs-up', 'pointing']

/**
 * Renders of open palms, so many sound ones, and of the same scenes with an extra finger, one or two missing, another
 * gesture than the prompt asks for, blurred, cropped and compressed. Fused fingers are not among them: the rig has none.
 */
export async function renderTestImages(folder: string, count: number, seed: number, made: Made): Promise<TestImage[]> {
  await mkdir(folder, { recursive: true })
  const images: TestImage[] = []
  for (let i = 0; i < count; i++) {
    const random = new RandomStream('validation', seed, i)
    const number = random.uint32()
    const asked = sampleScene(number, { gesture: open })
    const draw = async (kind: string, severity: number, scene: HandScene): Promise<string> => {
      const file = join(folder, `${String(i).padStart(4, '0')}-${kind.replaceAll(' ', '-')}-${severity}.png`)
      await drawScene(scene, file)
      images.push({ file, source: 'renders', kind, severity, prompt: asked.caption, fingers: asked.fingers })
      made(images.length)
      return file
    }
    const sound = await draw('sound', 0, asked)
    for (const [kind, severity, defect] of defectsOf(random))
      await draw(kind, severity, sampleScene(number, { gesture: open, defect }))
    await draw('wrong gesture', 1, sampleScene(number, { gesture: random.pick(otherGestures) }))
    images.push(...(await damaged(sound, folder, images.at(-1) as TestImage)))
  }
  return images
}

/** Photographs, and the same blurred, cropped and compressed. A prompt is each one's own caption. */
export async function photographTestImages(dataset: Dataset, folder: string, made: Made): Promise<TestImage[]> {
  await mkdir(folder, { recursive: true })
  const images: TestImage[] = []
  for (const { file, caption, fingers } of dataset.items) {
    const sound = { file: join(dataset.root, file), source: 'photographs', kind: 'sound', severity: 0 }
    const image = { ...sound, prompt: caption, fingers }
    images.push(image, ...(await damaged(image.file, folder, image, images.length)))
    made(images.length)
  }
  return images
}

/** Images that a person labelled sound or malformed; those that are neither are left out. */
export function labelledTestImages(dataset: Dataset): TestImage[] {
  return dataset.items.flatMap(({ file, caption, fingers, defect }) => {
    if (defect === null) return []
    const [kind, severity] = defect ? ['any defect', 1] : ['sound', 0]
    const image = { file: join(dataset.root, file), source: 'labelled images', prompt: caption, fingers }
    return [{ ...image, kind, severity } as TestImage]
  })
}

function defectsOf(random: RandomStream): [kind: string, severity: number, defect: Defect][] {
  const first = random.pick(fingerNames)
  const second = random.pick(fingerNames.filter((name) => name !== first))
  return [
    ['extra finger', 1, { kind: 'extra', place: random.pick(extraFingerPlaces) }],
    ['missing finger', 1, { kind: 'missing', fingers: [first] }],
    ['missing finger', 2, { kind: 'missing', fingers: [first, second] }],
  ]
}

async function damaged(sound: string, folder: string, like: TestImage, number = 0): Promise<TestImage[]> {
  const images: TestImage[] = []
  for (const kind of damages) {
    for (const severity of severities) {
      const name =
        like.source === 'renders' ? sound.replace(/-sound-0\.png$/, '') : join(folder, `photograph-${number}`)
      const file = `${name}-${kind}-${severity}.png`
      await damage(sound, file, kind, severity)
      images.push({ ...like, file, kind, severity })
    }
  }
  return images
}

async function drawScene(scene: HandScene, file: string): Promise<void> {
  // Drawn at twice the size and reduced, as tiny-hands was taught.
  const raw = { width: 2 * size, height: 2 * size, channels: 3 as const }
  const { rgb } = renderHand(scene, raw)
  await sharp(rgb, { raw }).resize(size, size, { kernel: 'lanczos3' }).png().toFile(file)
}
