import { Packr } from 'msgpackr'
import type { z } from 'zod'
import { ProtocolError } from '../errors/index.ts'

/** Plain msgpack, readable in any language: no records, no extensions, nil for undefined. */
const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: true,
  variableMapSize: true,
  int64AsType: 'number',
})

/**
 * Encodes a message. Integers beyond 32 bits stay integers, lone surrogates become U+FFFD.
 * Throws ProtocolError (`unencodable-value`) for what msgpack would corrupt or silently change.
 */
export function encode(message: object): Buffer {
  return packr.pack(portable(message, '$'))
}

/** Decodes and validates a message. Throws ProtocolError (`malformed-message`). */
export function decode<Schema extends z.ZodType>(schema: Schema, bytes: Uint8Array): z.output<Schema> {
  let value: unknown
  try {
    value = packr.unpack(bytes)
  } catch (cause) {
    throw malformed('it is not msgpack', bytes, cause)
  }
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw malformed(`${issue?.path.join('.') || 'the message'}: ${issue?.message}`, bytes, result.error)
}

function malformed(what: string, bytes: Uint8Array, cause: unknown): ProtocolError {
  return new ProtocolError({
    code: 'malformed-message',
    message: `A message could not be read: ${what}. Both sides must come from the same version of the package.`,
    facts: { bytes: bytes.byteLength },
    cause,
  })
}

function portable(value: unknown, path: string): unknown {
  switch (typeof value) {
    case 'string':
      return value.toWellFormed()
    case 'number':
      return portableNumber(value)
    case 'boolean':
    case 'bigint':
    case 'undefined':
      return value
    case 'object':
      return value === null ? null : portableObject(value, path)
    default:
      throw unencodable(path, typeof value)
  }
}

/** Msgpackr writes integers beyond 32 bits as float64, which Python reads as float; as BigInt they stay integers. */
function portableNumber(value: number): number | bigint {
  const wide = Number.isSafeInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000)
  return wide ? BigInt(value) : value
}

function portableObject(value: object, path: string): unknown {
  if (Array.isArray(value)) return value.map((item, index) => portable(item, `${path}[${index}]`))
  if (value instanceof Uint8Array) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw unencodable(path, value.constructor.name)
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key.toWellFormed(), portable(child, `${path}.${key}`)]),
  )
}

function unencodable(path: string, kind: string): ProtocolError {
  return new ProtocolError({
    code: 'unencodable-value',
    message: `${path} is a ${kind}, which cannot cross the wire; send plain values, and arrays of numbers as blobs.`,
    facts: { path, kind },
  })
}
