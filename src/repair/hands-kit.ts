import type { HandsDetail } from '../config/hands-detail.ts'
import { type DoubtfulHand, drawHands, findHands, fitHand, type Hand, type PlacedHand } from '../hands/index.ts'
import type { Detail, DetailKit, DrawnTemplate, Frame, Hypothesis } from './detail.ts'
import { gestureIn } from './gesture-words.ts'
import { type Classify, judgeHands } from './judge-hands.ts'

/** A hand as the loop sees it. */
interface HandDetail extends Detail {
  readonly hand: Hand | DoubtfulHand
}

/**
 * Hands: found with their landmarks by the models of the package, judged by the finger classifier, fitted with the rigged
 * hand, and drawn as depth in the convention of HandRefiner. What looks like a hand without being one by the landmark
 * model's judgement is left alone.
 */
export function handsKit({ search }: HandsDetail, classify: Classify): DetailKit<HandDetail> {
  return {
    name: 'hands',
    prompt: 'a photo of a hand',
    async find({ image }) {
      const { hands, doubtful } = await findHands(image, search)
      // Boxes that somebody gave are hands whatever the models see in them.
      const given = search.boxes === null ? [] : doubtful
      return [...hands, ...given].map((hand) => ({ box: hand.box, confidence: hand.confidence, hand }))
    },
    judge: (crops) => judgeHands(crops, classify),
    async fit(wrong, { prompt }, all) {
      const gesture = gestureIn(prompt)
      const fitted = new Map(all.map((detail) => [detail, fitHand(detail.hand, { gesture })]))
      return wrong.map((detail) => {
        const neighbours = all.filter((other) => other !== detail).map((other) => fitted.get(other) as PlacedHand)
        const own = fitted.get(detail) as ReturnType<typeof fitHand>
        return own.kind === 'fitted'
          ? [own, ...own.alternatives].map((one) => hypothesis(one, one.share, neighbours))
          : [hypothesis(own, 0, neighbours)]
      })
    },
  }
}

function hypothesis(hand: PlacedHand, confidence: number, neighbours: readonly PlacedHand[]): Hypothesis {
  const draw = async (frame: Frame, side: number): Promise<DrawnTemplate> => {
    const size = { width: side, height: side }
    const [own, ...others] = [hand, ...neighbours].map((one) => inFrame(one, frame, side)) as [PlacedHand]
    // One common depth, so that of two crossed hands the nearer one is seen.
    const { depth: control } = await drawHands([own, ...others], size, { rim: 0 })
    const { mask: shape } = await drawHands([own], size, { rim: 0 })
    return { control, shape }
  }
  return { name: `${hand.gesture}, ${hand.side} hand`, confidence, draw }
}

function inFrame(hand: PlacedHand, frame: Frame, side: number): PlacedHand {
  const zoom = side / frame.side
  return { ...hand, scale: hand.scale * zoom, x: (hand.x - frame.left) * zoom, y: (hand.y - frame.top) * zoom }
}
