import type { z } from 'zod'
import { ConfigError } from '../errors/index.ts'
import { describeProblem, type Problem } from './describe-problem.ts'

/**
 * Checks what a user wrote against a schema, fills in the defaults and freezes the result, so that nothing downstream
 * needs a default of its own. Throws ConfigError (`invalid-settings`) that lists every problem at once with its path:
 * values out of range in words, unknown keys with the nearest valid one.
 *
 * @param where what is being read, for the message: "training", "options of openLab"
 */
export function resolve<Schema extends z.ZodType>(schema: Schema, input: unknown, where: string): z.output<Schema> {
  const result = schema.safeParse(input, { reportInput: true })
  if (result.success) return deepFreeze(result.data)
  const problems = distinct(result.error.issues.flatMap((issue) => describeProblem(issue, schema, input)))
  throw new ConfigError({
    code: 'invalid-settings',
    message: `The ${where} cannot be used as written:\n${problems.map(({ path, text }) => `- ${path === '' ? '' : `${path}: `}${text}`).join('\n')}`,
    facts: { where, problems },
  })
}

/** Two checks may find the same fault in one value. */
function distinct(problems: readonly Problem[]): Problem[] {
  return [...new Map(problems.map((problem) => [`${problem.path}: ${problem.text}`, problem])).values()]
}

/** Freezes a plain value and everything in it; binary data is left as it is. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return value
  Object.freeze(value)
  for (const child of Object.values(value)) deepFreeze(child)
  return value
}
