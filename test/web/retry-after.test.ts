import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Pace, retryAfter } from '../../src/web/index.ts'

const now = Date.parse('1994-11-06T08:49:07Z')

// The three forms of a date are those of RFC 9110, 5.6.7.
test.each<[string | null, number | null]>([
  ['120', 120_000],
  [' 0 ', 0],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 30_000],
  ['Sunday, 06-Nov-94 08:49:37 GMT', 30_000],
  ['Sun Nov  6 08:49:37 1994', 30_000],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  [null, null],
  ['', null],
  ['-5', null],
  ['1.5', null],
  ['soon', null],
  ['2027', 2_027_000],
])('Retry-After: %s asks for %s ms', (header, milliseconds) => {
  expect(retryAfter(header, now)).toBe(milliseconds)
})

test('no text makes it throw or give a negative wait', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), (text, time) => {
      const wait = retryAfter(text, time)
      expect(wait === null || wait >= 0).toBe(true)
    }),
  )
})

test('turns are apart by the interval, and none comes before what a place asked for', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1000 }),
      fc.array(fc.tuple(fc.nat(500), fc.option(fc.nat(5000)))),
      (interval, calls) => {
        const pace = new Pace(interval)
        let [time, last, held] = [0, Number.NEGATIVE_INFINITY, 0]
        for (const [passed, hold] of calls) {
          time += passed
          if (hold !== null) {
            pace.hold(time + hold)
            held = Math.max(held, time + hold)
          }
          const turn = time + pace.take(time)
          expect(turn).toBeGreaterThanOrEqual(Math.max(time, held, last + interval))
          last = turn
        }
      },
    ),
  )
})
