import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import sharp from 'sharp'
import { type Defect, type ExtraFingerPlace, extraFingerModel, noDefect } from '../../src/render/defects.ts'
import { type GestureName, gestureNames } from '../../src/render/gestures.ts'
import { renderHand } from '../../src/render/hand-render.ts'
import { type BackgroundColour, backgroundColourNames, type SkinTone } from '../../src/render/palette.ts'
import { type FingerName, fingerNames } from '../../src/render/rig.ts'
import { type HandScene, sampleScene } from '../../src/render/scene.ts'
import { RandomStream } from '../../src/util/random.ts'

/** What is known of one picture beside its dataset labels. */
export interface HandFacts {
  readonly file_name: string
  readonly text: string
  /** Null where no one could say: half-bent fingers. */
  readonly fingers: number | null
  readonly defect: boolean
  readonly kind: 'sound' | 'missing' | 'extra'
  readonly gesture: GestureName
}

/** Training pictures, or pictures whose tone, backgrounds and one gesture were never trained on. */
export type HandSplit = 'train' | 'held-out'

const imageSize = 64
const heldOutTone: SkinTone = 'brown'
const heldOutColours: readonly BackgroundColour[] = ['purple', 'orange', 'gray']
/** Sound gestures that only the held-out pictures show. */
export const heldOutGestures: readonly GestureName[] = ['horns']
/** A missing finger can be told from a folded one only where all fingers are meant to be seen. */
const openGestures: readonly GestureName[] = ['open-palm', 'open-palm', 'relaxed']
const raised: Partial<Record<GestureName, readonly FingerName[]>> = {
  'open-palm': fingerNames,
  relaxed: fingerNames,
  'four-fingers': ['index', 'middle', 'ring', 'pinky'],
  'three-fingers': ['index', 'middle', 'ring'],
  victory: ['index', 'middle'],
}

/** Writes pictures with `metadata.jsonl`; the folder appears when it is whole. */
export async function writeHands(folder: string, split: HandSplit, count: number): Promise<void> {
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const { scene, facts } = sampleHand(i, split)
    const size = 2 * imageSize
    const { rgb } = renderHand(scene, { width: size, height: size })
    await sharp(rgb, { raw: { width: size, height: size, channels: 3 } })
      .resize(imageSize, imageSize, { kernel: 'lanczos3' })
      .png()
      .toFile(path.join(partial, facts.file_name))
    lines.push(JSON.stringify(facts))
  }
  await writeFile(path.join(partial, 'metadata.jsonl'), `${lines.join('\n')}\n`)
  await rename(partial, folder)
}

/** Half sound, a quarter with one or two fingers missing, a quarter with a sixth finger. */
function sampleHand(i: number, split: HandSplit): { scene: HandScene; facts: HandFacts } {
  const random = new RandomStream('finger-metric', split, i)
  const kind = random.pick(['sound', 'sound', 'missing', 'extra'] as const)
  const gesture = sampleGesture(kind, split, random)
  const defect = sampleDefect(kind, gesture, random)
  const tones: readonly SkinTone[] = ['light', 'tan', 'dark']
  const colours = backgroundColourNames.filter((name) => heldOutColours.includes(name) === (split === 'held-out'))
  const background = {
    kind:
      split === 'train'
        ? random.pick(['plain', 'gradient', 'paper'] as const)
        : random.pick(['plain', 'blurred'] as const),
    colour: random.pick(colours),
    seed: random.uint32(),
  }
  const scene = sampleScene(random.uint32(), {
    gesture,
    defect,
    background,
    tone: split === 'train' ? random.pick(tones) : heldOutTone,
    style: random.chance(0.15) ? 'drawing' : 'photo',
  })
  return {
    scene,
    facts: {
      file_name: `${split}-${String(i).padStart(5, '0')}.png`,
      text: scene.caption,
      fingers: gesture === 'relaxed' ? null : scene.fingers,
      defect: kind !== 'sound',
      kind,
      gesture,
    },
  }
}

function sampleGesture(kind: HandFacts['kind'], split: HandSplit, random: RandomStream): GestureName {
  if (kind === 'missing') return random.pick(openGestures)
  if (kind === 'extra') return random.pick(['open-palm', 'open-palm', ...(Object.keys(raised) as GestureName[])])
  const known = split === 'train' ? gestureNames.filter((name) => !heldOutGestures.includes(name)) : gestureNames
  // Open palms are what most defects are seen on, so they are as common among sound hands.
  return random.chance(0.35) ? 'open-palm' : random.pick(known)
}

function sampleDefect(kind: HandFacts['kind'], gesture: GestureName, random: RandomStream): Defect {
  const candidates = raised[gesture] ?? fingerNames
  if (kind === 'sound') return noDefect
  if (kind === 'extra') {
    const places = (Object.keys(extraFingerModel) as ExtraFingerPlace[]).filter((place) =>
      candidates.includes(extraFingerModel[place]),
    )
    return { kind, place: random.pick(places) }
  }
  const first = random.pick(candidates)
  if (random.chance(0.6)) return { kind, fingers: [first] }
  return { kind, fingers: [first, random.pick(candidates.filter((name) => name !== first))] }
}
