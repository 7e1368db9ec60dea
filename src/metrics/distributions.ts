const tiny = 1e-300

/** Cumulative distribution of the standard normal. Relative error below 1e-13, in both tails. */
export function normalCdf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  const upper = upperTail(Math.abs(x))
  return x > 0 ? 1 - upper : upper
}

/** Quantile of the standard normal: the x with `normalCdf(x) = p`. -Infinity for 0, Infinity for 1. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) return Number.NaN
  if (p === 0) return Number.NEGATIVE_INFINITY
  if (p === 1) return Number.POSITIVE_INFINITY
  if (p > 0.5) return -normalQuantile(1 - p)
  return bisect((x) => normalCdf(x) - p, -40, 0)
}

/** Cumulative distribution of Student's t with `degrees` degrees of freedom (need not be whole). */
export function studentCdf(t: number, degrees: number): number {
  const tail = 0.5 * regularizedBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
  return t > 0 ? 1 - tail : tail
}

/** Quantile of Student's t. */
export function studentQuantile(p: number, degrees: number): number {
  if (p === 0.5) return 0
  if (p > 0.5) return -studentQuantile(1 - p, degrees)
  let low = -2
  while (studentCdf(low, degrees) > p && low > -1e15) low *= 2
  return bisect((t) => studentCdf(t, degrees) - p, low, 0)
}

/** P(X <= successes) of a binomial with the given trials and probability. */
export function binomialCdf(successes: number, trials: number, probability: number): number {
  if (successes < 0) return 0
  if (successes >= trials) return 1
  return regularizedBeta(1 - probability, trials - successes, successes + 1)
}

/** Root of a non-decreasing function between `low` and `high`, to the last bit that bisection reaches. */
export function bisect(rising: (x: number) => number, low: number, high: number): number {
  let left = low
  let right = high
  for (let i = 0; i < 200; i++) {
    const middle = (left + right) / 2
    if (middle === left || middle === right) break
    if (rising(middle) < 0) left = middle
    else right = middle
  }
  return (left + right) / 2
}

/** P(Z > x) for x >= 0: a series near zero, Laplace's continued fraction beyond. */
function upperTail(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  if (x < 3) {
    let term = x
    let sum = x
    for (let n = 3; term > sum * 1e-18 && n < 400; n += 2) {
      term *= (x * x) / n
      sum += term
    }
    return 0.5 - density * sum
  }
  let fraction = x
  for (let n = 200; n >= 1; n--) fraction = x + n / fraction
  return density / fraction
}

/** Regularized incomplete beta function I_x(a, b), by Lentz's evaluation of its continued fraction. */
function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - regularizedBeta(1 - x, b, a)
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x)) / a
  let c = 1
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1))
  let value = d
  for (let m = 1; m < 1000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonZero(1 + even * d)
    c = nonZero(1 + even / c)
    value *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonZero(1 + odd * d)
    c = nonZero(1 + odd / c)
    value *= d * c
    if (Math.abs(d * c - 1) < 1e-16) break
  }
  return front * value
}

function nonZero(x: number): number {
  return Math.abs(x) < tiny ? tiny : x
}

/** Logarithm of the gamma function for x > 0: Stirling's series after shifting the argument above 12. */
export function logGamma(x: number): number {
  let shift = 0
  let y = x
  while (y < 12) {
    shift += Math.log(y)
    y += 1
  }
  const inverse = 1 / (y * y)
  const series = 1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series / y - shift
}
