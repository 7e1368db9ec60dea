import { ConfigError } from '../errors/index.ts'
import type { Arm } from './expand-arms.ts'

/**
 * What an arm is compared with: the baseline on its base, of several variants the one with the same values of all axes
 * that both have, so that like is compared with like. Null for a baseline itself and where there is none on the base.
 * Throws ConfigError (`baseline-unclear`) when several fit.
 */
export function baselineOf<Placed extends Arm>(arm: Arm, arms: readonly Placed[]): Placed | null {
  if (arm.baseline) return null
  const agrees = ([axis, label]: readonly [string, string]) => (arm.levels[axis] ?? label) === label
  const [found, ...others] = arms.filter(
    (other) => other.baseline && other.base === arm.base && Object.entries(other.levels).every(agrees),
  )
  if (others.length === 0) return found ?? null
  const names = [found, ...others].flatMap((other) => other?.name ?? [])
  throw new ConfigError({
    code: 'baseline-unclear',
    message: `Arm "${arm.name}" could be compared with ${names.join(' or ')}. Vary the same settings in it, so that it is compared with its like.`,
    facts: { arm: arm.name, baselines: names },
  })
}
