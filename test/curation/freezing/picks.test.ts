import { expect, test } from 'vitest'
import { freezing } from '../../../src/config/freezing.ts'
import { type Likeness, unlikeness } from '../../../src/curation/freezing/likeness.ts'
import { pick } from '../../../src/curation/freezing/picks.ts'
import { sha256 } from '../../../src/util/sha256.ts'
import { item } from './items.ts'

const items = Array.from({ length: 30 }, (_, i) => item(`${i}`))

function chosen(settings: object, from = items, likenesses = new Map<string, Likeness>()): string[] {
  const [parsed] = freezing.parse({ picks: [{ name: 'small', ...settings }] }).picks
  if (parsed === undefined) throw new TypeError('no pick')
  return [...pick(parsed, from, likenesses).blobs]
}

test('a seeded pick is another one with another seed, and stays when images come', () => {
  const ten = chosen({ strategy: 'seeded' })
  expect([ten.length, new Set(ten).size]).toEqual([10, 10])
  expect(chosen({ strategy: 'seeded' }, items.toReversed())).toEqual(ten)
  expect(chosen({ strategy: 'seeded', seed: 1 })).not.toEqual(ten)
  const more = chosen({ strategy: 'seeded' }, [...items, item('new')])
  expect(ten.filter((blob) => more.includes(blob)).length).toBeGreaterThanOrEqual(9)
  expect(chosen({ strategy: 'seeded', count: 100 })).toHaveLength(30)
  expect(chosen({ strategy: 'seeded' }, [])).toEqual([])
})

test('a diverse pick takes one of each kind before a second of any', () => {
  // Three kinds that differ in colour or in shape, ten images each, alike but for a little.
  const kinds: readonly (readonly [string, number])[] = [
    ['0'.repeat(16), 0],
    ['0'.repeat(16), 200],
    ['f'.repeat(16), 0],
  ]
  const likenesses = new Map(
    items.map(({ blob }, i) => {
      const [hash, tone] = kinds[i % 3] as readonly [string, number]
      const own = `${hash.slice(1)}${i % 2}`
      return [blob, { hash: own, mirroredHash: own, colours: new Uint8Array(48).fill(tone + (i % 4)) }]
    }),
  )
  const three = chosen({ strategy: 'diverse', count: 3 }, items, likenesses)
  const kindOf = (blob: string) => items.findIndex((one) => one.blob === blob) % 3
  expect(three.map(kindOf).toSorted()).toEqual([0, 1, 2])
  expect(chosen({ strategy: 'diverse', count: 3 }, items.toReversed(), likenesses)).toEqual(three)
  // As far as the greedy choice says, by an independent search through all that are left.
  const of = (blob: string) => likenesses.get(blob) as Likeness
  const ten = chosen({ strategy: 'diverse' }, items, likenesses)
  for (let n = 1; n < ten.length; n++) {
    const gap = (blob: string) => Math.min(...ten.slice(0, n).map((taken) => unlikeness(of(taken), of(blob))))
    const left = items.map(({ blob }) => blob).filter((blob) => !ten.slice(0, n).includes(blob))
    expect(gap(ten[n] as string)).toBeCloseTo(Math.max(...left.map(gap)), 12)
  }
})

test('mirror images are alike, and unlikeness counts bits and colours', () => {
  const colours = new Uint8Array(48)
  const one: Likeness = { hash: '00000000000000ff', mirroredHash: 'ff00000000000000', colours }
  const mirrored: Likeness = { hash: 'ff00000000000000', mirroredHash: '00000000000000ff', colours }
  expect(unlikeness(one, mirrored)).toBe(0)
  expect(unlikeness(one, { ...one, hash: '0000000000000000', colours: colours.map(() => 51) })).toBeCloseTo(
    8 / 64 + 0.2,
  )
})

test('images are named by hash, by file or by what they were called', () => {
  const named = [item('a'), item('b', { url: 'https://example.com/x/my%20palm.jpg?w=1' }), item('c')]
  const images = [sha256('c').slice(0, 10), 'my palm.jpg', named[0]?.file]
  expect(chosen({ strategy: 'by-hand', images }, named)).toEqual([sha256('c'), sha256('b'), sha256('a')])
  expect(() => chosen({ strategy: 'by-hand', images: ['my plam.jpg'] }, named)).toThrow('Did you mean my palm.jpg?')
  const twice = [item('a', { url: 'file:x.jpg' }), item('b', { url: 'file:x.jpg' })]
  expect(() => chosen({ strategy: 'by-hand', images: ['x.jpg'] }, twice)).toThrow(sha256('b').slice(0, 12))
})
