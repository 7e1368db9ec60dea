import type { z } from 'zod'
import type { Optimizer } from './optimizer.ts'
import type { Schedule } from './schedule.ts'
import type { Technique } from './technique.ts'

interface Together {
  readonly technique: Technique
  readonly optimizer: Optimizer
  readonly schedule: Schedule
}

/** Refuses settings that the chosen optimizer would leave without effect. */
export function refuseWithoutEffect({ technique, optimizer, schedule }: Together, { addIssue }: z.RefinementCtx): void {
  const refuse = (path: readonly string[], input: unknown, message: string): void =>
    addIssue({ code: 'custom', path: [...path], input, message })
  if (!isPlain(schedule)) {
    if (optimizer.type === 'schedule-free') {
      refuse(['schedule'], schedule, 'has no effect on schedule-free, whose warm-up is optimizer.warmupSteps')
    }
    if (optimizer.type === 'adafactor' && optimizer.learningRate === null) {
      refuse(['schedule'], schedule, 'has no effect on adafactor without an optimizer.learningRate')
    }
  }
  if (optimizer.type === 'adafactor' && optimizer.learningRate !== null && optimizer.relativeWarmup) {
    refuse(['optimizer', 'relativeWarmup'], true, 'has no effect beside a learning rate; use schedule.warmupSteps')
  }
  if (optimizer.type !== 'schedule-free') return
  // They act on the weights that gradients are taken at, not on their average, which is the result.
  const reason = 'does not hold for the average that schedule-free gives; use another optimizer'
  if ('maximumNorm' in technique && technique.maximumNorm !== null) {
    refuse(['technique', 'maximumNorm'], technique.maximumNorm, reason)
  }
  if ('norm' in technique && technique.norm !== 'none') refuse(['technique', 'norm'], technique.norm, reason)
}

/** Whether the learning rate stays as it is. */
function isPlain(schedule: Schedule): boolean {
  return schedule.type === 'constant' && schedule.warmupSteps === 0
}
