import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance, nearestName } from '../../src/util/nearest-name.ts'

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 7 })

/** The same distance by its definition, without a table. */
function slowDistance(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const replaced = slowDistance(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1)
  const candidates = [replaced, slowDistance(a.slice(1), b) + 1, slowDistance(a, b.slice(1)) + 1]
  if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0])
    candidates.push(slowDistance(a.slice(2), b.slice(2)) + 1)
  return Math.min(...candidates)
}

test('the distance is that of the definition', () => {
  fc.assert(
    fc.property(word, word, (a, b) => void expect(editDistance(a, b)).toBe(slowDistance(a, b))),
    { numRuns: 60 },
  )
})

test('one edit leads back to the name', () => {
  const names = ['learningRate', 'weightDecay', 'warmupSteps', 'captionDropout', 'accumulation']
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.nat(), fc.constantFrom('drop', 'swap', 'double'), (name, at, edit) => {
      const i = at % (name.length - 1)
      const rest =
        edit === 'drop'
          ? name.slice(i + 1)
          : edit === 'swap'
            ? `${name[i + 1]}${name[i]}${name.slice(i + 2)}`
            : `${name[i]}${name.slice(i)}`
      expect(nearestName(name.slice(0, i) + rest, names)).toBe(name)
    }),
  )
})

test('a name unlike all others has no nearest', () => {
  expect(nearestName('optimizer', ['rank', 'alpha'])).toBeUndefined()
  expect(nearestName('rnak', ['rank', 'alpha'])).toBe('rank')
})
