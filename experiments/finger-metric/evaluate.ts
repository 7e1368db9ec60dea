import { type AucEstimate, auc, type Interval, wilsonInterval } from '../../src/metrics/index.ts'
import type { Judgement } from '../../src/protocol/results.ts'

/** A judged picture and the truth about it. */
export interface JudgedHand {
  readonly judgement: Judgement
  readonly fingers: number | null
  readonly defect: boolean | null
  readonly kind: string
  readonly openPalm: boolean
}

/** How well one question is answered: area under the curve, or share of right answers. */
export interface Finding {
  readonly question: string
  readonly positives: number
  readonly negatives: number
  readonly value: number
  readonly low: number
  readonly high: number
}

/** The questions of the card that a set of pictures can answer. */
export function evaluate(hands: readonly JudgedHand[]): Finding[] {
  const sound = hands.filter(({ defect }) => defect === false)
  const findings: Finding[] = []
  for (const [kind, question] of [
    ['extra', 'extra finger'],
    ['missing', 'missing finger'],
  ] as const) {
    const broken = hands.filter((hand) => hand.kind === kind)
    findings.push(
      ...ranked(`${question} (defect probability, AUC)`, broken, sound, ({ judgement }) => judgement.defectProbability),
    )
  }
  const defects = hands.filter(({ defect }) => defect === true)
  findings.push(
    ...ranked('any defect (defect probability, AUC)', defects, sound, ({ judgement }) => judgement.defectProbability),
  )
  const open = sound.filter(({ openPalm }) => openPalm)
  const others = sound.filter(({ openPalm, fingers }) => !openPalm && fingers !== null)
  findings.push(
    ...ranked(
      'open palm (probability of five, AUC)',
      open,
      others,
      ({ judgement }) => judgement.fingerProbabilities[5] ?? 0,
    ),
  )
  findings.push(...counted(hands.filter(({ fingers }) => fingers !== null)))
  return findings
}

function ranked(
  question: string,
  positives: readonly JudgedHand[],
  negatives: readonly JudgedHand[],
  score: (hand: JudgedHand) => number,
): Finding[] {
  if (positives.length === 0 || negatives.length === 0) return []
  const estimate: AucEstimate = auc(positives.map(score), negatives.map(score))
  return [
    { question, positives: positives.length, negatives: negatives.length, value: estimate.auc, ...bounds(estimate) },
  ]
}

function counted(hands: readonly JudgedHand[]): Finding[] {
  if (hands.length === 0) return []
  const right = hands.filter(({ fingers, judgement }) => judgement.fingers === Math.min(fingers ?? -1, 6)).length
  const value = right / hands.length
  const interval = wilsonInterval(right, hands.length)
  return [
    { question: 'right count (share)', positives: right, negatives: hands.length - right, value, ...bounds(interval) },
  ]
}

function bounds({ low, high }: Interval): { low: number; high: number } {
  return { low, high }
}
