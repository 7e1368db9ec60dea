import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ratingSettings } from '../../src/config/rating.ts'
import { resolve } from '../../src/config/resolve.ts'
import { chooseItems } from '../../src/rating/choose-items.ts'
import type { RatedImage, RatingProtocol } from '../../src/rating/protocol.ts'
import { orderFor } from '../../src/rating/rater-order.ts'

const arms = ['baseline', 'lora', 'negative prompt']

function imagesOf(prompts: number, seeds: number): RatedImage[] {
  return arms.flatMap((arm) =>
    Array.from({ length: prompts * seeds }, (_, i) => ({
      arm,
      prompt: Math.floor(i / seeds),
      seed: i % seeds,
      file: `images/${arm}-${i}.png`,
      sha256: `${arm}-${i}`,
    })),
  )
}

function protocolOf(settings: object, images = imagesOf(4, 5)): RatingProtocol {
  const resolved = resolve(ratingSettings, settings, 'rating')
  const { items, identicalPairs } = chooseItems(images, resolved)
  return {
    format: 'phalanx-rating-protocol',
    version: 1,
    study: { name: 'x', plan: 'y' },
    settings: resolved,
    prompts: ['a', 'b', 'c', 'd'],
    images,
    items: items.map((item) => [...item]),
    identicalPairs,
  }
}

describe('what is rated', () => {
  it('is every pair of arms, and every prompt in it, as often as any other, each of one prompt and seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 }), (count, seed) => {
        const { items, images } = protocolOf({ mode: 'pairs', count, seed })
        expect(items).toHaveLength(count)
        expect(new Set(items.map(String)).size).toBe(count)
        const shown = items.map((item) => item.map((i) => images[i] as RatedImage) as [RatedImage, RatedImage])
        for (const [first, second] of shown) {
          expect([first.prompt, first.seed]).toEqual([second.prompt, second.seed])
          expect(first.arm).not.toBe(second.arm)
        }
        const pairs = counts(shown.map((item) => item.map(({ arm }) => arm).join('/')))
        expect(spread(pairs, 3)).toBeLessThanOrEqual(1)
        const prompts = counts(shown.map((item) => `${item.map(({ arm }) => arm)}/${item[0].prompt}`))
        expect(spread(prompts, 12)).toBeLessThanOrEqual(2)
      }),
      { numRuns: 60 },
    )
  })

  it('leaves out pairs of one picture, arms that are not asked for, and what one side lacks', () => {
    const images = imagesOf(1, 4).filter(({ arm, seed }) => arm !== 'lora' || seed !== 3)
    const same = images.map((image) => (image.seed === 0 ? { ...image, sha256: 'same' } : image))
    const { items, identicalPairs } = protocolOf({ mode: 'pairs', arms: ['baseline', 'lora'] }, same)
    expect(identicalPairs).toBe(1)
    expect(items.map(([first]) => same[first as number]?.seed).sort()).toEqual([1, 2])
    expect(protocolOf({ mode: 'count', arms: ['lora'] }, same).items).toHaveLength(3)
  })

  it('refuses an arm that is not there, and a study without two different pictures', () => {
    expect(() => protocolOf({ mode: 'pairs', arms: ['lara'] })).toThrow(/Did you mean "lora"/)
    const same = imagesOf(1, 2).map((image) => ({ ...image, sha256: 'same' }))
    expect(() => protocolOf({ mode: 'pairs' }, same)).toThrow(expect.objectContaining({ code: 'nothing-to-rate' }))
    expect(() => protocolOf({ mode: 'count', catches: 0.1 })).toThrow(/catches/)
  })
})

describe('the order of a rater', () => {
  it('holds every item once, repeats only later, and as many repeats and catch pairs as the protocol says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(0, 0.05, 0.2, 0.5),
        fc.string(),
        (count, share, rater) => {
          const protocol = protocolOf({ mode: 'pairs', count, repeats: share, catches: share })
          const order = orderFor(rater, protocol)
          expect(orderFor(rater, protocol)).toEqual(order)
          const firsts = order.filter(({ kind }) => kind === 'first')
          expect(firsts.map(({ item }) => item).sort((a, b) => a - b)).toEqual([...Array(count).keys()])
          const [repeats, catches] = (['repeat', 'catch'] as const).map((wanted) =>
            order.filter(({ kind }) => kind === wanted),
          )
          expect([repeats?.length, catches?.length]).toEqual([Math.round(share * count), Math.round(share * count)])
          order.forEach(({ item, kind, sides, broken }, place) => {
            if (kind === 'catch') {
              expect(sides[0]).toBe(sides[1])
              expect(broken).not.toBeNull()
            } else {
              expect([...sides].sort()).toEqual([...(protocol.items[item] as number[])].sort())
              const first = order.findIndex((other) => other.item === item && other.kind === 'first')
              expect(place >= first).toBe(true)
            }
          })
        },
      ),
      { numRuns: 60 },
    )
  })

  it('differs between raters, and puts each arm left as often as right', () => {
    const protocol = protocolOf({ mode: 'pairs' })
    expect(orderFor('ann', protocol).map(({ item }) => item)).not.toEqual(
      orderFor('ben', protocol).map(({ item }) => item),
    )
    const lefts = Array.from({ length: 40 }, (_, i) => orderFor(`rater ${i}`, protocol))
      .flat()
      .filter(({ kind }) => kind === 'first')
      .filter(({ sides, item }) => sides[0] === protocol.items[item]?.[0]).length
    // 2,400 fair coins: four standard deviations are 98.
    expect(Math.abs(lefts - 1200)).toBeLessThan(98)
  })
})

function counts(keys: readonly string[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1)
  return found
}

/** Largest less smallest count, those that are missing being 0. */
function spread(found: ReadonlyMap<string, number>, kinds: number): number {
  return Math.max(...found.values()) - (found.size < kinds ? 0 : Math.min(...found.values()))
}
