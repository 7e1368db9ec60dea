import type { DescribedPicture, Detail, DetailCrop, DetailKit, Frame } from '../../src/index.ts'

/** A detail for tests: bright squares on dark ground, found by their pixels, judged by what the test says. */
export class BrightSquares implements DetailKit {
  readonly name = 'bright squares'
  readonly prompt = 'a bright square'
  /** Badness by call: the first is of the picture as it is. Beyond the list, nothing is said. */
  readonly verdicts: (readonly number[])[]
  readonly judged: (readonly DetailCrop[])[] = []

  constructor(verdicts: readonly (readonly number[])[]) {
    this.verdicts = [...verdicts]
  }

  async find({ image: { pixels, width, height } }: DescribedPicture): Promise<Detail[]> {
    const lit = Array.from({ length: width * height }, (_, at) => at).filter((at) => (pixels[3 * at] as number) > 200)
    if (lit.length === 0) return []
    const [xs, ys] = [lit.map((at) => at % width), lit.map((at) => Math.floor(at / width))]
    const [left, top] = [Math.min(...xs), Math.min(...ys)]
    const box = { left, top, width: Math.max(...xs) - left + 1, height: Math.max(...ys) - top + 1 }
    return [{ box, confidence: 0.9 }]
  }

  async judge(crops: readonly DetailCrop[]) {
    this.judged.push(crops)
    const said = this.verdicts.shift() ?? []
    return crops.map((_, i) => ({ badness: said[i] ?? Number.NaN, seen: `call ${this.judged.length}` }))
  }

  async fit(wrong: readonly Detail[]) {
    return wrong.map(({ box }) => [
      {
        name: 'the square itself',
        confidence: 1,
        draw: async (frame: Frame, side: number) => {
          const shape = squareIn(box, frame, side)
          return { control: shape, shape }
        },
      },
    ])
  }
}

function squareIn(box: Detail['box'], frame: Frame, side: number): Uint8Array {
  const scale = frame.side / side
  return Uint8Array.from({ length: side * side }, (_, at) => {
    const [x, y] = [frame.left + ((at % side) + 0.5) * scale, frame.top + (Math.floor(at / side) + 0.5) * scale]
    const inside = x > box.left && x < box.left + box.width && y > box.top && y < box.top + box.height
    return inside ? 255 : 0
  })
}
