import { createHash } from 'node:crypto'
import { z } from 'zod'
import { protocolSchema } from '../schema.ts'

/** A JSON Schema node in the subset that zod emits for our messages. */
export interface SchemaNode {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly oneOf?: readonly SchemaNode[]
  readonly anyOf?: readonly SchemaNode[]
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly exclusiveMaximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
}

export interface ProtocolDocument {
  /** Sorted JSON text of the schema, ending in a newline. */
  readonly text: string
  /** SHA-256 of `text`, compared in the handshake. */
  readonly sha256: string
  readonly definitions: Readonly<Record<string, SchemaNode>>
}

/** The wire's JSON Schema, draft 2020-12, with every defaulted field required: the worker has no defaults. */
export function protocolDocument(): ProtocolDocument {
  const document = sortKeys(z.toJSONSchema(protocolSchema, { io: 'output' })) as { $defs: Record<string, SchemaNode> }
  const text = `${JSON.stringify(document, null, 2)}\n`
  return { text, sha256: createHash('sha256').update(text).digest('hex'), definitions: document.$defs }
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1))
  return Object.fromEntries(entries.map(([key, child]) => [key, sortKeys(child)]))
}
