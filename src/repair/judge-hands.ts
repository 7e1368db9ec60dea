import { join } from 'node:path'
import { encodePng } from '../artefact/png.ts'
import type { Judgement } from '../protocol/results.ts'
import { type Gesture, gestures } from '../render/gestures.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { inScratchFolder } from '../util/scratch-folder.ts'
import type { DetailCrop, Verdict } from './detail.ts'
import { cutFrame, frameWithin } from './frame.ts'
import { gestureIn } from './gesture-words.ts'

/** Judges image files with the finger classifier, in their order. */
export type Classify = (files: readonly string[]) => PromiseLike<readonly Judgement[]>

/** The hands that the classifier learned from fill between three and nine tenths of their pictures. */
const framing = 1.2

/**
 * Verdicts on hands by the finger classifier: where the prompt names a gesture, the probability that not both its count of
 * fingers is shown and the anatomy is sound; else that of wrong anatomy alone.
 */
export async function judgeHands(crops: readonly DetailCrop[], classify: Classify): Promise<Verdict[]> {
  if (crops.length === 0) return []
  return inScratchFolder(async (folder) => {
    const files = await Promise.all(
      crops.map(async ({ image, box }, i) => {
        const file = join(folder, `${i}.png`)
        await atomicWrite(file, await encodePng(cutFrame(image, frameWithin(box, framing, image))))
        return file
      }),
    )
    const judgements = await classify(files)
    return crops.map(({ prompt }, i) => verdictOf(judgements[i] as Judgement, expectedFingers(prompt)))
  })
}

function expectedFingers(prompt: string): number | null {
  const name = gestureIn(prompt)
  return name === null ? null : (gestures[name] as Gesture).extended
}

function verdictOf({ fingers, fingerProbabilities, defectProbability }: Judgement, expected: number | null): Verdict {
  const wrongAnatomy = `${Math.round(100 * defectProbability)} % wrong anatomy`
  const counted = fingers > 5 ? 'more than 5 fingers' : `${fingers} fingers`
  if (expected === null) return { badness: defectProbability, seen: `${counted}, ${wrongAnatomy}` }
  const rightCount = fingerProbabilities[expected] ?? Number.NaN
  return {
    badness: 1 - rightCount * (1 - defectProbability),
    seen: `${counted}, ${expected} expected, ${wrongAnatomy}`,
  }
}
