import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import type { Base, Lab } from 'phalanx'

/** What a person sees in one sample. */
export interface HandLabel {
  /** Extended fingers, malformed ones too; null where no one could say. */
  readonly fingers: number | null
  /** Whether the anatomy is wrong: fingers too many, too few, fused, broken off; null where no one could say. */
  readonly defect: boolean | null
}

/** The labels of all samples of one base, in the order of {@link drawHands}. */
export interface LabelledHands {
  readonly baseSha256: string
  readonly labels: readonly HandLabel[]
}

/** A sample on disk and the fingers its prompt asks for. */
export interface DrawnHand {
  readonly file: string
  readonly prompt: string
  readonly fingers: number
}

const asked: readonly { readonly prompt: string; readonly fingers: number; readonly samples: number }[] = [
  { prompt: 'a photo of an open palm with five fingers spread', fingers: 5, samples: 66 },
  { prompt: 'a drawing of an open hand with five fingers spread', fingers: 5, samples: 24 },
  { prompt: 'a photo of a peace sign', fingers: 2, samples: 24 },
  { prompt: 'a photo of a hand holding up three fingers', fingers: 3, samples: 18 },
  { prompt: 'a photo of a hand pointing up with one finger', fingers: 1, samples: 18 },
  { prompt: 'a photo of a hand giving a thumbs up', fingers: 1, samples: 12 },
  { prompt: 'a photo of a fist', fingers: 0, samples: 18 },
]

/** Draws the 180 hands that are labelled; the same ones each time for the same base. */
export async function drawHands(lab: Lab, base: Base, folder: string): Promise<DrawnHand[]> {
  const requests = asked.flatMap(({ prompt, samples }) =>
    Array.from({ length: samples }, (_, i) => ({ prompt, seed: 5000 + i })),
  )
  const images = await lab.sample({ base, requests, sampler: 'ddim', steps: 30, guidance: 4, batchSize: 12 })
  await mkdir(folder, { recursive: true })
  const files = images.map((_, i) => path.join(folder, `${String(i).padStart(3, '0')}.png`))
  await Promise.all(images.map((image, i) => image.save(files[i]!)))
  const wanted = asked.flatMap((one) => Array.from({ length: one.samples }, () => one))
  return files.map((file, i) => ({ file, prompt: wanted[i]!.prompt, fingers: wanted[i]!.fingers }))
}

/** What a person said of the samples, in their order. Throws when the labels are of another base. */
export async function readLabels(file: string, base: Base, samples: number): Promise<readonly HandLabel[]> {
  const { baseSha256, labels } = JSON.parse(await readFile(file, 'utf8')) as LabelledHands
  if (baseSha256 === base.description.sha256 && labels.length === samples) return labels
  throw new Error(`${file} labels ${labels.length} samples of another base. Label this one's: validate.ts --sheets.`)
}
