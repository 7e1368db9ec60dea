import { z } from 'zod'
import type { Layout } from './design.ts'
import { requireName } from './require-name.ts'

const label = z.union([z.string(), z.number(), z.boolean()]).transform(String)

/** Combinations of an arm that are not applicable, and why. */
export const exceptionDefinition = z.strictObject({
  /**
   * Values that must all be there: of axes (their numbers or names), of `base` and of `prompt` (as the study words it).
   * A list stands for any of its values.
   */
  when: z
    .record(z.string(), z.union([label.transform((one) => [one]), z.array(label).min(1)]))
    .refine((when) => Object.keys(when).length > 0, 'must name at least one axis, base or prompt'),
  /** In a few words, for plan and report. */
  reason: z.string().min(1).max(200),
})
export type ExceptionDefinition = z.output<typeof exceptionDefinition>

/** What an exception is held against: values by axis, with `base` and `prompt`. */
export type Circumstances = Readonly<Record<string, string>>

/** Reason of the first exception that fits; null when none does. */
export function reasonAgainst(exceptions: readonly ExceptionDefinition[], where: Circumstances): string | null {
  const fits = ({ when }: ExceptionDefinition) =>
    Object.entries(when).every(([name, values]) => values.includes(where[name] ?? ''))
  return exceptions.find(fits)?.reason ?? null
}

/** Throws ConfigError for a name or value that no variant of the arm has (`unknown-axis`, `unknown-value`). */
export function checkExceptions(
  arm: string,
  exceptions: readonly ExceptionDefinition[],
  { axes }: Layout,
  known: { readonly bases: readonly string[]; readonly prompts: readonly string[] },
): void {
  const values = new Map<string, readonly string[]>([
    ['base', known.bases],
    ['prompt', known.prompts],
    ...axes.map(({ name, levels }) => [name, levels.map((level) => level.label)] as const),
  ])
  for (const [name, wanted] of exceptions.flatMap(({ when }) => Object.entries(when))) {
    const where = `arms.${arm}.except`
    requireName(where, name, [...values.keys()], 'axis')
    for (const value of wanted) requireName(`${where}.${name}`, value, values.get(name) ?? [], 'value')
  }
}
