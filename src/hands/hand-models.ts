import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import { type GraphModel, loadGraphModel } from '@tensorflow/tfjs-converter'
import { ready, setBackend, type Tensor, tensor4d, tidy } from '@tensorflow/tfjs-core'
import { packageRoot } from '../util/package-root.ts'
import type { Box } from './hand.ts'

/** Sides of the pictures that the models take. */
export const [detectorSide, landmarkSide] = [320, 224]

/** A box of the detector in shares of its picture, 0 to 1. */
export interface Detection {
  readonly box: Box
  readonly score: number
}

/** What the landmark model says of a picture. */
export interface LandmarkAnswer {
  readonly presence: number
  /** Probability that it is a right hand. */
  readonly handedness: number
  /** Column, row and depth of 21 points in pixels of the model's picture. */
  readonly points: Float32Array
}

/** The models behind {@link locateHands}; pictures are RGB, three bytes per pixel. */
export interface HandModels {
  detect(pixels: Uint8Array): Promise<readonly Detection[]>
  landmarks(pixels: Uint8Array): Promise<LandmarkAnswer>
}

/** Scores of the anchors per class, and their boxes, before the model's own suppression, whose scores are useless. */
const detectorOutputs = [
  'StatefulPartitionedCall/Postprocessor/Slice',
  'StatefulPartitionedCall/Postprocessor/ExpandDims_1',
]
/** Hand, fist, pinch, point, face, tip of a finger, pinched tip: the face is known so that it is not taken for a hand. */
const face = 4
const classes = 7
const leastScore = 0.1

const landmarkOutputs = ['Identity', 'Identity_1', 'Identity_2']

/** Reads both models (see `src/weights/hand-landmarks`) into WebAssembly, one thread; about a quarter of a second. */
export async function loadHandModels(): Promise<HandModels> {
  // More threads would be more processes' worth of memory, and their sums would depend on the machine.
  setThreadsCount(1)
  await setBackend('wasm')
  await ready()
  const [detector, landmarker] = await Promise.all([readModel('handtrack'), readModel('handlandmark-lite')])
  return {
    async detect(pixels) {
      const picture = tensor4d(Int32Array.from(pixels), [1, detectorSide, detectorSide, 3], 'int32')
      const outputs = (await detector.executeAsync(picture, detectorOutputs)) as Tensor[]
      const [scores, boxes] = (await Promise.all(outputs.map((output) => output.data()))) as [
        Float32Array,
        Float32Array,
      ]
      for (const tensor of [picture, ...outputs]) tensor.dispose()
      return readDetections(scores, boxes)
    },
    async landmarks(pixels) {
      const outputs = tidy(() => {
        const picture = tensor4d(
          Float32Array.from(pixels, (value) => value / 255),
          [1, landmarkSide, landmarkSide, 3],
        )
        return landmarker.execute(picture, landmarkOutputs) as Tensor[]
      })
      const [points, presence, handedness] = (await Promise.all(
        outputs.map((output) => output.data()),
      )) as Float32Array[]
      for (const output of outputs) output.dispose()
      return { points: points!, presence: presence![0]!, handedness: handedness![0]! }
    },
  }
}

async function readModel(name: string): Promise<GraphModel> {
  const folder = join(packageRoot(), 'src', 'weights', 'hand-landmarks')
  const [text, weights] = await Promise.all([
    readFile(join(folder, `${name}.json`), 'utf8'),
    readFile(join(folder, `${name}.bin`)),
  ])
  const { modelTopology, weightsManifest } = JSON.parse(text)
  const weightSpecs = weightsManifest.flatMap((group: { weights: unknown[] }) => group.weights)
  return loadGraphModel({
    load: async () => ({ modelTopology, weightSpecs, weightData: new Uint8Array(weights).buffer }),
  })
}

/** What scores and boxes of all anchors say, without faces and without what is no number; the most certain first. */
export function readDetections(scores: Float32Array, boxes: Float32Array): Detection[] {
  const detections: Detection[] = []
  for (let anchor = 0; anchor < boxes.length / 4; anchor++) {
    const own = scores.subarray(anchor * classes, (anchor + 1) * classes)
    const score = Math.max(...own.filter((_, index) => index !== face))
    if (!(score >= leastScore) || (own[face] as number) > score) continue
    const [top, left, bottom, right] = boxes.subarray(anchor * 4, anchor * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ]
    if (right > left && bottom > top) {
      detections.push({ box: { left, top, width: right - left, height: bottom - top }, score })
    }
  }
  return detections.sort((a, b) => b.score - a.score)
}
