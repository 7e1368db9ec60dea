import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { denoisingLoss, maskOutside, timestepWeighting } from '../../src/config/objective.ts'
import { optimizer } from '../../src/config/optimizer.ts'
import { schedule } from '../../src/config/schedule.ts'
import { technique } from '../../src/config/technique.ts'
import { decode, encode } from '../../src/protocol/codec.ts'
import { controlReply, controlRequest, ping } from '../../src/protocol/control.ts'
import { jobEvent } from '../../src/protocol/events.ts'
import { jobsReply, jobsRequest } from '../../src/protocol/job-messages.ts'
import { explainedBase, job, storedExtractor } from '../../src/protocol/jobs.ts'
import { startReport } from '../../src/protocol/launch.ts'
import { jobResult } from '../../src/protocol/results.ts'

const unions = [
  controlRequest,
  controlReply,
  jobsRequest,
  jobsReply,
  startReport,
  job,
  jobEvent,
  jobResult,
  technique,
  optimizer,
  explainedBase,
  schedule,
  denoisingLoss,
  timestepWeighting,
  maskOutside,
  storedExtractor,
] as const
const byName = new Map<string, z.ZodType>(unions.map((union) => [String(union.meta()?.id), union]))

const folder = new URL('messages/', import.meta.url)
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.msgpack'))
  .map((name) => name.slice(0, -'.msgpack'.length))

describe('golden messages', () => {
  test('there is one for each variant of each union', () => {
    const variants = unions.flatMap((union) =>
      union.options.map((option) => `${union.meta()?.id}.${[...(option.shape.type._zod.values ?? [])][0]?.toString()}`),
    )
    expect(names.toSorted()).toEqual(variants.toSorted())
  })

  test.each(names)('%s is decoded to what its JSON says', (name) => {
    const bytes = readFileSync(new URL(`${name}.msgpack`, folder))
    const expected: unknown = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
    const schema = byName.get(name.split('.')[0]!)
    expect(decode(schema!, bytes)).toEqual(expected)
  })
})

describe('encoding', () => {
  const anything = z.unknown()

  test('any JSON value with safe integers comes back as it was', () => {
    const value = fc.jsonValue().filter((json) => !JSON.stringify(json).includes('__proto__'))
    fc.assert(
      fc.property(value, (json) => {
        // JSON has no negative zero, and msgpack integers have none either.
        const plain: unknown = JSON.parse(JSON.stringify(json))
        expect(decode(anything, encode({ plain }))).toEqual({ plain })
      }),
    )
  })

  test('integers beyond 32 bits are written as integers, up to the largest safe one', () => {
    for (const integer of [2 ** 32, 2 ** 53 - 1, -(2 ** 31) - 1, -(2 ** 53) + 1]) {
      const bytes = encode({ integer })
      // 0xcf is uint 64 and 0xd3 int 64; 0xcb would be float 64.
      expect([0xcf, 0xd3]).toContain(bytes[bytes.length - 9])
      expect(decode(anything, bytes)).toEqual({ integer })
    }
  })

  test('arrays of numbers other than bytes are refused with their place, instead of being corrupted', () => {
    for (const array of [
      new Float32Array(2),
      new Float64Array(2),
      new Int32Array(2),
      new DataView(new ArrayBuffer(2)),
    ]) {
      expect(() => encode({ deep: [{ array }] })).toThrowError(
        expect.objectContaining({
          code: 'unencodable-value',
          facts: expect.objectContaining({ path: '$.deep[0].array' }),
        }),
      )
    }
    expect(decode(anything, encode({ bytes: new Uint8Array([1, 2]) }))).toEqual({ bytes: Buffer.from([1, 2]) })
  })

  test.each([
    ['a date', new Date(0)],
    ['a set', new Set()],
    ['an error', new Error()],
    ['a function', () => 0],
    ['a symbol', Symbol('s')],
  ])('%s is refused', (_, value) => {
    expect(() => encode({ value })).toThrowError(expect.objectContaining({ code: 'unencodable-value' }))
  })

  test('lone surrogates are replaced, in keys too', () => {
    expect(decode(anything, encode({ 'a\ud800': 'b\udc00' }))).toEqual({ 'a\ufffd': 'b\ufffd' })
  })
})

describe('decoding', () => {
  test.each([
    ['garbage', Buffer.from([0xc1])],
    ['nothing', Buffer.alloc(0)],
    ['another type', encode({ type: 'pong', epoch: '0123456789abcdef', id: 1 })],
    ['a misspelt key', encode({ type: 'ping', epoch: '0123456789abcdef', idd: 1 })],
    ['an integer that is none', encode({ type: 'ping', epoch: '0123456789abcdef', id: 1.5 })],
  ])('%s is a typed error', (_, bytes) => {
    expect(() => decode(ping, bytes)).toThrowError(
      expect.objectContaining({ name: 'ProtocolError', code: 'malformed-message' }),
    )
  })
})
