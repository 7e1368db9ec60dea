import { join } from 'node:path'
import { encodePng, type RgbImage } from '../artefact/png.ts'
import type { RepairSettings } from '../config/repair.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import type { Detail, DrawnTemplate, Frame, Hypothesis } from './detail.ts'
import { cutFrame, resizeSquare } from './frame.ts'
import { blend, repaintMask, resizeMask } from './mask.ts'

/** One picture that a base is asked to draw into another. */
export interface RepaintRequest {
  readonly prompt: string
  readonly negativePrompt: string
  readonly seed: number
  readonly image: { readonly file: string; readonly mask: string; readonly strength: number }
  /** The template's file for the ControlNet; empty without one. */
  readonly controls: string[]
}

/** Draws requests with the base at its own size, in their order. */
export type Repainter = (requests: readonly RepaintRequest[]) => Promise<readonly RgbImage[]>

/** A hypothesis drawn into the frame at the base's size, and the files that the base reads. */
export interface PreparedHypothesis {
  readonly name: string
  readonly template: DrawnTemplate
  /** What the frame takes from a repainting, at the frame's own size. */
  readonly mask: Uint8Array
  readonly files: { readonly image: string; readonly mask: string; readonly control: string }
}

/** A detail whose frame is ready to be repainted. */
export interface PreparedDetail {
  readonly frame: Frame
  /** The frame's pixels as they are. */
  readonly before: RgbImage
  readonly hypotheses: readonly PreparedHypothesis[]
}

/** Cuts the frame out of the picture and draws each hypothesis into it. */
export async function prepareDetail(
  picture: RgbImage,
  { box }: Detail,
  frame: Frame,
  how: {
    readonly hypotheses: readonly Hypothesis[]
    readonly side: number
    readonly rim: number
    readonly folder: string
  },
): Promise<PreparedDetail> {
  const before = cutFrame(picture, frame)
  const image = join(how.folder, 'frame.png')
  await atomicWrite(image, await encodePng(await resizeSquare(before, how.side)))
  const hypotheses: PreparedHypothesis[] = []
  for (const [i, hypothesis] of how.hypotheses.entries()) {
    const template = await hypothesis.draw(frame, how.side)
    const rim = how.rim * how.side
    const drawnMask = repaintMask(frame, box, { shape: template.shape, side: how.side, rim })
    const mask = await resizeMask(drawnMask, how.side, frame.side)
    const files = { image, mask: join(how.folder, `${i}.mask.png`), control: join(how.folder, `${i}.control.png`) }
    const touched = drawnMask.map((value) => (value > 0 ? 255 : 0))
    await atomicWrite(files.mask, await encodePng(greyImage(touched, how.side)))
    await atomicWrite(files.control, await encodePng(greyImage(template.control, how.side)))
    hypotheses.push({ name: hypothesis.name, template, mask, files })
  }
  return { frame, before, hypotheses }
}

/** A repainting of a prepared detail. */
export interface Repainting {
  readonly hypothesis: PreparedHypothesis
  readonly seed: number
  /** The frame with it. */
  readonly after: RgbImage
}

/** Repaints each hypothesis `attempts` times at one strength. Outside of the masks nothing changes. */
export async function repaint(
  { before, frame, hypotheses }: PreparedDetail,
  prompt: string,
  {
    strength,
    settings,
    draw,
  }: { readonly strength: number; readonly settings: RepairSettings; readonly draw: Repainter },
): Promise<Repainting[]> {
  const tries = hypotheses.flatMap((hypothesis) =>
    Array.from({ length: settings.attempts }, (_, i) => ({ hypothesis, seed: settings.seed + i })),
  )
  const drawn = await draw(
    tries.map(({ hypothesis: { files }, seed }) => ({
      prompt,
      negativePrompt: settings.negativePrompt,
      seed,
      image: { file: files.image, mask: files.mask, strength },
      controls: settings.control === null ? [] : [files.control],
    })),
  )
  return Promise.all(
    tries.map(async ({ hypothesis, seed }, i) => {
      const painted = await resizeSquare(drawn[i] as RgbImage, frame.side)
      return { hypothesis, seed, after: blend(before, painted, hypothesis.mask) }
    }),
  )
}

/** One channel as a grey picture. */
export function greyImage(channel: Uint8Array, side: number): RgbImage {
  const pixels = new Uint8Array(channel.length * 3)
  for (const [at, value] of channel.entries()) pixels.fill(value, 3 * at, 3 * at + 3)
  return { pixels, width: side, height: side }
}
