import type { SchemaNode } from './json-schema.ts'

/** Strings that fit the patterns of our messages; the first that fits is taken. */
const strings = ['open hand ✋', '0123456789abcdef', 'name', 'a photo of a {}'] as const
/** Beyond 32 bits, where msgpack writers tend to fall back to floats. */
const wideInteger = 2 ** 40

/** A value that a schema accepts, the same every time: wide integers, text beyond ASCII, lists of two. */
export function example(node: SchemaNode, definitions: Readonly<Record<string, SchemaNode>>): unknown {
  const { $ref, anyOf, oneOf } = node
  if ($ref !== undefined) return example(definitions[$ref.slice('#/$defs/'.length)]!, definitions)
  if (anyOf !== undefined || oneOf !== undefined) return example((anyOf ?? oneOf)![0]!, definitions)
  if (node.const !== undefined) return node.const
  if (node.enum !== undefined) return node.enum.at(-1)
  const type = typeof node.type === 'string' ? node.type : node.type?.[0]
  switch (type) {
    case 'string':
      return exampleString(node)
    case 'integer':
      return Math.min(Math.max(wideInteger, node.minimum ?? 0), node.maximum ?? wideInteger)
    case 'number':
      return Math.min(Math.max(0.5, node.minimum ?? 0, (node.exclusiveMinimum ?? 0) + 0.5), node.maximum ?? Infinity)
    case 'boolean':
      return true
    case 'array':
      return Array.from({ length: Math.max(2, node.minItems ?? 0) }, () => example(node.items!, definitions))
    case 'object':
      return exampleObject(node, definitions)
  }
  throw new Error(`no example for ${JSON.stringify(node)}`)
}

function exampleString({ pattern, minLength = 0, maxLength }: SchemaNode): string {
  const expression = new RegExp(pattern ?? '')
  const found = strings.find((text) => expression.test(text))
  if (found === undefined) throw new Error(`no example fits ${pattern}`)
  return found.padEnd(minLength, '0').slice(0, maxLength)
}

function exampleObject(node: SchemaNode, definitions: Readonly<Record<string, SchemaNode>>): unknown {
  if (typeof node.additionalProperties === 'object') return { key: example(node.additionalProperties, definitions) }
  return Object.fromEntries(
    Object.entries(node.properties ?? {}).map(([key, child]) => [key, example(child, definitions)]),
  )
}
