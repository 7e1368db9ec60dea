/** Medians of two ways of doing the same. */
export interface Comparison {
  readonly ours: number
  readonly bare: number
  /** Median of ours / bare over pairs. */
  readonly ratio: number
}

/** Does both in turn, so that a busy machine hurts both alike; the first pair warms up and is not counted. */
export async function interleave(
  ours: () => Promise<number>,
  bare: () => Promise<number>,
  pairs: number,
): Promise<Comparison> {
  const measured: [number, number][] = []
  for (let i = 0; i <= pairs; i++) {
    const pair: [number, number] = i % 2 === 0 ? [await ours(), await bare()] : swapped([await bare(), await ours()])
    if (i > 0) measured.push(pair)
  }
  return {
    ours: median(measured.map(([own]) => own)),
    bare: median(measured.map(([, other]) => other)),
    ratio: median(measured.map(([own, other]) => own / other)),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? Number.NaN) + high) / 2
}

function swapped([a, b]: [number, number]): [number, number] {
  return [b, a]
}
