import { StatisticsError } from '../errors/index.ts'

/** Refuses an empty list and anything in it that is not a finite number. */
export function requireFinite(values: readonly number[], method: string): void {
  if (values.length === 0) {
    throw new StatisticsError({
      code: 'too-few-values',
      message: `${method} needs at least one value, got none.`,
      facts: { method, count: 0, needed: 1 },
    })
  }
  const index = values.findIndex((value) => !Number.isFinite(value))
  if (index < 0) return
  throw new StatisticsError({
    code: 'value-not-finite',
    message: `${method} needs finite numbers, but value ${index} is ${values[index]}. Leave out units that could not be measured, on both sides of a pair.`,
    facts: { method, index, value: values[index] },
  })
}

/** Refuses fewer units than a method can work with. */
export function requireAtLeast(needed: number, count: number, units: string, method: string): void {
  if (count >= needed) return
  throw new StatisticsError({
    code: 'too-few-values',
    message: `${method} needs at least ${needed} ${units}, got ${count}.`,
    facts: { method, units, count, needed },
  })
}

/** Refuses what is not a whole number from 0. */
export function requireCounts(counts: Readonly<Record<string, number>>, method: string): void {
  for (const [name, count] of Object.entries(counts)) {
    requireThat(Number.isSafeInteger(count) && count >= 0, name, count, 'a whole number from 0', method)
  }
}

/** Refuses a confidence or a level of significance that is not strictly between 0 and 1. */
export function requireShare(name: string, value: number, method: string): void {
  requireThat(value > 0 && value < 1, name, value, 'strictly between 0 and 1', method)
}

/** Refuses a value for which `holds` is false; `wanted` says what would do. */
export function requireThat(holds: boolean, name: string, value: unknown, wanted: string, method: string): void {
  if (holds) return
  throw new StatisticsError({
    code: 'value-out-of-range',
    message: `${method} needs ${name} to be ${wanted}, got ${value}.`,
    facts: { method, name, value, wanted },
  })
}

/** Refuses two lists that do not belong together item by item. */
export function requireSameLength(first: number, second: number, units: string, method: string): void {
  if (first === second) return
  throw new StatisticsError({
    code: 'unpaired-values',
    message: `${method} needs the same ${units} on both sides, got ${first} and ${second}. Compare only what both have.`,
    facts: { method, units, first, second },
  })
}
