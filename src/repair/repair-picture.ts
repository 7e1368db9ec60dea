import type { RgbImage } from '../artefact/png.ts'
import type { RepairSettings } from '../config/repair.ts'
import { LabError } from '../errors/index.ts'
import { inScratchFolder } from '../util/scratch-folder.ts'
import type { DescribedPicture, Detail, DetailKit, Frame, Hypothesis, Verdict } from './detail.ts'
import { cutFrame, frameWithin, pasteFrame } from './frame.ts'
import type { Attempt, DetailPictures, DetailRecord, PictureTrouble, RepairedPicture } from './record.ts'
import { greyImage, type PreparedDetail, prepareDetail, type Repainter, type Repainting, repaint } from './repaint.ts'

/** What repairs a picture. */
export interface RepairTools {
  readonly kit: DetailKit
  readonly settings: RepairSettings
  readonly draw: Repainter
  /** Pixels of the base's own square pictures. */
  readonly side: number
}

/** A picture to be repaired: its pixels are read when its turn comes. */
export interface PictureSource {
  readonly name: string
  readonly read: () => Promise<DescribedPicture>
}

/**
 * Find, judge, fit, draw, repaint, judge again, keep or revert: one detail after another. What fails on this picture or
 * detail leaves it as it was and is told in the record. Rejects with the lab's errors (settings, files, jobs, workers),
 * which no other picture would fare better with.
 */
export async function repairPicture(source: PictureSource, tools: RepairTools): Promise<RepairedPicture> {
  const began = performance.now()
  const repair = new PictureRepair(tools)
  const given = await repair.step('read', source.read)
  const prompt = tools.settings.prompt ?? (given?.prompt || tools.kit.prompt)
  if (given !== null) await repair.run({ ...given, prompt })
  const { image } = repair
  return {
    record: {
      name: source.name,
      prompt,
      details: repair.details.map(({ record }) => record),
      trouble: repair.trouble,
      changedPixels: given === null || image === null ? 0 : changedPixels(given.image, image),
      seconds: (performance.now() - began) / 1000,
    },
    image,
    pictures: repair.details.map(({ pictures }) => pictures),
  }
}

interface Outcome {
  readonly record: DetailRecord
  readonly pictures: DetailPictures | null
}

class PictureRepair {
  image: RgbImage | null = null
  trouble: PictureTrouble | null = null
  readonly details: Outcome[] = []
  readonly #tools: RepairTools

  constructor(tools: RepairTools) {
    this.#tools = tools
  }

  async run(picture: DescribedPicture): Promise<void> {
    this.image = picture.image
    const { kit, settings } = this.#tools
    const found = await this.step('find', () => kit.find(picture))
    if (found === null) return
    const ordered = found.toSorted((a, b) => (b.confidence ?? 1) - (a.confidence ?? 1))
    const judged = ordered.slice(0, settings.limit)
    const verdicts = await this.step('judge', () => this.#judge(picture, judged))
    if (verdicts === null) return
    const wrong = judged.filter((_, i) => isWrong(verdicts[i] ?? null, settings))
    const fitted = await this.step('fit', async () => (wrong.length === 0 ? [] : kit.fit(wrong, picture, ordered)))
    if (fitted === null) return
    for (const detail of ordered) {
      const before = verdicts[judged.indexOf(detail)] ?? null
      const hypotheses = fitted[wrong.indexOf(detail)]
      this.details.push(
        hypotheses === undefined || hypotheses.length === 0
          ? {
              record: untouched(detail, before, this.#whyUntouched(detail, before, judged, hypotheses)),
              pictures: null,
            }
          : await this.#tryRepair(detail, before as Verdict, hypotheses, picture),
      )
    }
  }

  /** The step's result, or null and a trouble. */
  async step<Result>(step: PictureTrouble['step'], work: () => Promise<Result>): Promise<Result | null> {
    try {
      return await work()
    } catch (error) {
      this.trouble = { step, message: messageOf(error) }
      return null
    }
  }

  #whyUntouched(
    detail: Detail,
    before: Verdict | null,
    judged: readonly Detail[],
    hypotheses: readonly Hypothesis[] | undefined,
  ): DetailRecord['decision'] {
    if (!judged.includes(detail)) return 'over-limit'
    if (before === null) return 'unjudged'
    return hypotheses === undefined ? 'good' : 'no-template'
  }

  /** Verdicts of details as they are; null where the judge says nothing that is finite. */
  async #judge(picture: DescribedPicture, details: readonly Detail[]): Promise<(Verdict | null)[]> {
    if (details.length === 0) return []
    const { kit, settings } = this.#tools
    const verdicts = await kit.judge(
      details.map(({ box }) => {
        const frame = frameWithin(box, settings.context, picture.image)
        return cropOf(cutFrame(picture.image, frame), frame, box, picture.prompt)
      }),
    )
    return details.map((_, i) => sayingSomething(verdicts[i]))
  }

  /** A detail that cannot be repaired costs the others nothing. */
  async #tryRepair(
    detail: Detail,
    before: Verdict,
    hypotheses: readonly Hypothesis[],
    picture: DescribedPicture,
  ): Promise<Outcome> {
    try {
      return await this.#repair(detail, before, hypotheses, picture)
    } catch (error) {
      return { record: { ...untouched(detail, before, 'failed'), failure: messageOf(error) }, pictures: null }
    }
  }

  async #repair(
    detail: Detail,
    before: Verdict,
    hypotheses: readonly Hypothesis[],
    { prompt }: DescribedPicture,
  ): Promise<Outcome> {
    const { settings, side } = this.#tools
    const picture = this.image as RgbImage
    const frame = frameWithin(detail.box, settings.context, picture)
    return inScratchFolder(async (folder) => {
      const chosen = hypotheses.slice(0, settings.hypotheses)
      const prepared = await prepareDetail(picture, detail, frame, {
        hypotheses: chosen,
        side,
        rim: settings.rim,
        folder,
      })
      const { attempts, best } = await this.#attempt(prepared, detail, prompt)
      const verdict = best?.attempt.verdict
      const better = verdict != null && verdict.badness <= before.badness - settings.margin
      if (better) this.image = pasteFrame(picture, frame, (best as Tried).repainting.after)
      return {
        record: {
          ...{ box: detail.box, confidence: detail.confidence, before, frame, attempts },
          decision: better ? 'repaired' : 'reverted',
          failure: null,
          best: best?.attempt ?? null,
        },
        pictures: best && picturesOf(prepared, best.repainting, side),
      }
    })
  }

  /** Tries strength after strength until one is good enough. */
  async #attempt(
    prepared: PreparedDetail,
    { box }: Detail,
    prompt: string,
  ): Promise<{ attempts: Attempt[]; best: Tried | null }> {
    const { kit, settings, draw } = this.#tools
    const attempts: Attempt[] = []
    let best: Tried | null = null
    for (const strength of settings.strengths) {
      const repaintings = await repaint(prepared, prompt, { strength, settings, draw })
      const crops = repaintings.map(({ after }) => cropOf(after, prepared.frame, box, prompt))
      const verdicts = await kit.judge(crops)
      for (const [i, repainting] of repaintings.entries()) {
        const verdict = sayingSomething(verdicts[i])
        const attempt = { hypothesis: repainting.hypothesis.name, strength, seed: repainting.seed, verdict }
        attempts.push(attempt)
        if (badness(attempt) < badness(best?.attempt ?? null)) best = { attempt, repainting }
      }
      if (badness(best?.attempt ?? null) < settings.enough) break
    }
    return { attempts, best }
  }
}

interface Tried {
  readonly attempt: Attempt
  readonly repainting: Repainting
}

/** What is said of one picture alone. Throws the lab's errors. */
function messageOf(error: unknown): string {
  if (LabError.isInstance(error) && error.name !== 'DatasetError') throw error
  return error instanceof Error ? error.message : String(error)
}

function badness(attempt: Attempt | null): number {
  return attempt?.verdict?.badness ?? Infinity
}

function isWrong(verdict: Verdict | null, { threshold }: RepairSettings): boolean {
  return verdict !== null && verdict.badness >= threshold
}

function sayingSomething(verdict: Verdict | undefined): Verdict | null {
  return verdict !== undefined && Number.isFinite(verdict.badness) ? verdict : null
}

function untouched(detail: Detail, before: Verdict | null, decision: DetailRecord['decision']): DetailRecord {
  const { box, confidence } = detail
  return { box, confidence, before, decision, failure: null, frame: null, attempts: [], best: null }
}

function cropOf(image: RgbImage, frame: Frame, box: Detail['box'], prompt: string) {
  return { image, box: { ...box, left: box.left - frame.left, top: box.top - frame.top }, prompt }
}

function picturesOf({ before }: PreparedDetail, { after, hypothesis }: Repainting, side: number): DetailPictures {
  return { before, template: greyImage(hypothesis.template.control, side), after }
}

function changedPixels(before: RgbImage, after: RgbImage): number {
  let changed = 0
  for (let at = 0; at < before.pixels.length; at += 3)
    if ([0, 1, 2].some((k) => before.pixels[at + k] !== after.pixels[at + k])) changed += 1
  return changed
}
