import { z } from 'zod'
import { nearestName } from '../util/nearest-name.ts'

/** One thing that is wrong with what a user wrote. */
export interface Problem {
  /** Where, as `a.b[0]`; empty for the whole. */
  readonly path: string
  readonly text: string
}

/** Says what is wrong and what would be right. */
export function describeProblem(issue: z.core.$ZodIssue, schema: z.core.$ZodType, input: unknown): Problem[] {
  const path = pathText(issue.path)
  switch (issue.code) {
    case 'unrecognized_keys': {
      const valid = keysAt(schema, input, issue.path)
      return issue.keys.map((key) => ({
        path,
        text: `there is no "${key}" here. ${suggestion(key, valid)}`,
      }))
    }
    case 'invalid_union': {
      const nearest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0]
      if (nearest?.length) {
        const inner = nearest.map(
          (child) =>
            ({
              ...child,
              path: [...issue.path, ...child.path],
            }) as z.core.$ZodIssue,
        )
        return inner.flatMap((child) => describeProblem(child, schema, input))
      }
      const valid = membersAt(schema, input, issue.path)
      const given = valueAt(input, issue.path)
      return [
        {
          path,
          text: `must be one of ${valid.map(quoted).join(', ')}, not ${inWords(given)}.${didYouMean(given, valid)}`,
        },
      ]
    }
    case 'invalid_value': {
      const valid = issue.values.map(String)
      return [
        {
          path,
          text: `must be ${valid.length > 1 ? 'one of ' : ''}${issue.values.map(inWords).join(', ')}, not ${inWords(issue.input)}.${didYouMean(issue.input, valid)}`,
        },
      ]
    }
    case 'too_small':
    case 'too_big':
      return [{ path, text: `${rangeInWords(issue)}, not ${measured(issue)}.` }]
    case 'invalid_type':
      return [
        {
          path,
          text:
            issue.input === undefined
              ? `is missing; it must be ${typeInWords(issue.expected)}.`
              : `must be ${typeInWords(issue.expected)}, not ${inWords(issue.input)}.`,
        },
      ]
    default:
      return [{ path, text: `${issue.message}; it is ${inWords(issue.input)}.` }]
  }
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length))
}

function rangeInWords(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  const low = issue.code === 'too_small'
  const limit = String(low ? issue.minimum : issue.maximum)
  if (issue.origin === 'string') return `must have at ${low ? 'least' : 'most'} ${limit} characters`
  if (issue.origin === 'array')
    return `must have at ${low ? 'least' : 'most'} ${limit} ${limit === '1' ? 'entry' : 'entries'}`
  if (issue.inclusive === false) return `must be ${low ? 'more' : 'less'} than ${limit}`
  return `must be at ${low ? 'least' : 'most'} ${limit}`
}

function measured(issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig): string {
  if (typeof issue.input === 'string' || Array.isArray(issue.input)) return String(issue.input.length)
  return inWords(issue.input)
}

const typeWords: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  string: 'text',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

function typeInWords(expected: string): string {
  return typeWords[expected] ?? expected
}

function inWords(value: unknown): string {
  if (typeof value === 'string') return quoted(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

function suggestion(key: string, valid: readonly string[]): string {
  const nearest = nearestName(key, valid)
  return nearest === undefined ? `The keys are ${valid.join(', ')}.` : `Did you mean "${nearest}"?`
}

function didYouMean(given: unknown, valid: readonly string[]): string {
  const nearest = typeof given === 'string' ? nearestName(given, valid) : undefined
  return nearest === undefined ? '' : ` Did you mean "${nearest}"?`
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`
    return text === '' ? String(key) : `${text}.${String(key)}`
  }, '')
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], input)
}

/** Keys that the schema allows at a path of the input. */
function keysAt(schema: z.core.$ZodType, input: unknown, path: readonly PropertyKey[]): string[] {
  return schemasAt(schema, input, path).flatMap((found) =>
    found instanceof z.ZodObject ? Object.keys(found.shape) : [],
  )
}

/** Values of the discriminator that the union at a path, which ends in the discriminator, allows. */
function membersAt(schema: z.core.$ZodType, input: unknown, path: readonly PropertyKey[]): string[] {
  const discriminator = String(path.at(-1))
  return schemasAt(schema, input, path.slice(0, -1), true).flatMap((found) => {
    const literal = found instanceof z.ZodObject ? unwrapped(found.shape[discriminator]) : undefined
    return literal instanceof z.ZodLiteral ? [...literal.values].map(String) : []
  })
}

/** What describes the value at a path: one schema, or the members of a union. */
function schemasAt(
  schema: z.core.$ZodType | undefined,
  input: unknown,
  path: readonly PropertyKey[],
  allMembers = false,
): z.core.$ZodType[] {
  const plain = unwrapped(schema)
  if (plain instanceof z.ZodDiscriminatedUnion && !(allMembers && path.length === 0)) {
    const member = plain.options.find((option) => isChosen(option, input, plain.def.discriminator))
    return member === undefined ? [] : schemasAt(member, input, path, allMembers)
  }
  if (plain instanceof z.ZodUnion) return plain.options.flatMap((option) => schemasAt(option, input, path, allMembers))
  const [key, ...rest] = path
  if (plain === undefined || key === undefined) return plain === undefined ? [] : [plain]
  const child = (input as Record<PropertyKey, unknown> | null | undefined)?.[key]
  if (plain instanceof z.ZodObject) return schemasAt(plain.shape[String(key)], child, rest, allMembers)
  if (plain instanceof z.ZodRecord) return schemasAt(plain.valueType, child, rest, allMembers)
  return plain instanceof z.ZodArray ? schemasAt(plain.element, child, rest, allMembers) : []
}

function isChosen(option: z.core.$ZodType, input: unknown, discriminator: string): boolean {
  if (!(option instanceof z.ZodObject)) return false
  return (
    option.shape[discriminator]?.safeParse((input as Record<string, unknown> | null)?.[discriminator]).success === true
  )
}

function unwrapped(schema: z.core.$ZodType | undefined): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) return unwrapped(schema.def.innerType)
  if (schema instanceof z.ZodNullable || schema instanceof z.ZodOptional) return unwrapped(schema.def.innerType)
  return schema instanceof z.ZodPipe ? unwrapped(schema.def.in) : schema
}
