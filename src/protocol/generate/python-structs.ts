import { protocolVersion } from '../control.ts'
import type { ProtocolDocument, SchemaNode } from './json-schema.ts'

/** Of the Python side's formatter. */
const lineLength = 120

/** The Python module with one frozen msgspec Struct or type alias for each named definition. */
export function pythonStructs({ definitions, sha256 }: ProtocolDocument): string {
  const names = inOrderOfUse(definitions)
  const blocks = names.map((name) => definition(name, definitions[name]!))
  return [
    '"""Messages of the wire. Generated from src/protocol by `npm run generate`; edit there."""',
    '',
    'from __future__ import annotations',
    '',
    'from typing import Annotated, Literal',
    '',
    'from msgspec import Meta, Struct',
    '',
    `PROTOCOL_VERSION = ${protocolVersion}`,
    `SCHEMA_SHA256 = "${sha256}"`,
    '',
    '',
    blocks.join('\n\n'),
  ].join('\n')
}

function definition(name: string, node: SchemaNode): string {
  if (node.type !== 'object') return `${name} = ${aliasType(name, node)}\n`
  const tag = node.properties?.type?.const
  const options = [
    'frozen=True',
    'kw_only=True',
    'forbid_unknown_fields=True',
    'rename="camel"',
    ...(tag === undefined ? [] : ['tag_field="type"', `tag=${text(tag)}`]),
  ]
  const required = new Set(node.required)
  const fields = Object.entries(node.properties ?? {})
    .filter(([key]) => !(key === 'type' && tag !== undefined))
    .map(([key, child]) => {
      if (!required.has(key)) throw new Error(`${name}.${key} is optional; the wire needs every field, use nullable`)
      return `    ${pythonName(name, key)}: ${typeOf(`${name}.${key}`, child)}`
    })
  return [
    `class ${name}(`,
    '    Struct,',
    ...options.map((option) => `    ${option},`),
    '):',
    ...(fields.length === 0 ? ['    pass'] : fields),
    '',
  ].join('\n')
}

function aliasType(name: string, node: SchemaNode): string {
  if (node.oneOf === undefined) return typeOf(name, node)
  const members = node.oneOf.map((member) => typeOf(name, member))
  const line = members.join(' | ')
  if (`${name} = ${line}`.length <= lineLength) return line
  const joined = `    ${line}`.length <= lineLength ? line : members.join('\n    | ')
  return `(\n    ${joined}\n)`
}

function typeOf(place: string, node: SchemaNode): string {
  if (node.$ref !== undefined) return referenceName(node.$ref)
  if (node.anyOf !== undefined) return node.anyOf.map((member) => typeOf(place, member)).join(' | ')
  if (node.const !== undefined) return `Literal[${text(node.const)}]`
  if (node.enum !== undefined) return `Literal[${node.enum.map(text).join(', ')}]`
  if (Array.isArray(node.type)) return node.type.map((type) => typeOf(place, { ...node, type })).join(' | ')
  switch (node.type) {
    case 'null':
      return 'None'
    case 'boolean':
      return 'bool'
    case 'string':
      return constrained('str', { min_length: node.minLength, max_length: node.maxLength, pattern: node.pattern })
    case 'integer':
      return constrained('int', { ge: unlessSafe(node.minimum), le: unlessSafe(node.maximum) })
    case 'number':
      return constrained('float', {
        ge: node.minimum,
        gt: node.exclusiveMinimum,
        le: node.maximum,
        lt: node.exclusiveMaximum,
      })
    case 'array':
      return constrained(`tuple[${typeOf(place, node.items!)}, ...]`, {
        min_length: node.minItems,
        max_length: node.maxItems,
      })
    case 'object':
      if (node.properties === undefined && typeof node.additionalProperties === 'object') {
        return `dict[str, ${typeOf(place, node.additionalProperties)}]`
      }
  }
  throw new Error(`${place} uses a schema the generator does not know: ${JSON.stringify(node)}; name objects by an id`)
}

function constrained(type: string, constraints: Readonly<Record<string, number | string | undefined>>): string {
  const given = Object.entries(constraints).filter(([, value]) => value !== undefined)
  if (given.length === 0) return type
  const values = given.map(([name, value]) => `${name}=${typeof value === 'string' ? rawText(value) : value}`)
  return `Annotated[${type}, Meta(${values.join(', ')})]`
}

/** The bounds zod gives every integer say nothing: they hold for all integers both languages can name. */
function unlessSafe(bound: number | undefined): number | undefined {
  return bound !== undefined && Math.abs(bound) >= Number.MAX_SAFE_INTEGER ? undefined : bound
}

/** snake_case that msgspec's camel renaming maps back to the same key. */
function pythonName(place: string, key: string): string {
  const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  if (camel !== key || reserved.has(name)) throw new Error(`${place}.${key} has no faithful Python name`)
  return name
}

const reserved = new Set(['class', 'from', 'import', 'global', 'lambda', 'pass', 'is', 'in', 'not', 'with', 'as'])

function inOrderOfUse(definitions: Readonly<Record<string, SchemaNode>>): string[] {
  const ordered = new Set<string>()
  const visit = (name: string, above: readonly string[]): void => {
    if (above.includes(name)) throw new Error(`${name} contains itself; flatten it into a list`)
    for (const reference of references(definitions[name]!)) visit(reference, [...above, name])
    ordered.add(name)
  }
  for (const name of Object.keys(definitions)) visit(name, [])
  return [...ordered]
}

function references(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  return Object.entries(node).flatMap(([key, child]) => {
    return key === '$ref' ? [referenceName(child as string)] : references(child)
  })
}

function referenceName(reference: string): string {
  return reference.slice('#/$defs/'.length)
}

function text(value: string): string {
  return JSON.stringify(value)
}

function rawText(pattern: string): string {
  if (pattern.includes('"')) throw new Error(`pattern ${pattern} has a quote, which a raw Python string cannot hold`)
  return `r"${pattern}"`
}
