import { RandomStream } from '../util/random.ts'
import type { RatingProtocol } from './protocol.ts'

/** One thing that a rater is shown. */
export interface Showing {
  /** Index into the items of the protocol. */
  readonly item: number
  /** `catch`: one side is broken. `repeat`: seen before. */
  readonly kind: 'first' | 'repeat' | 'catch'
  /** Indices into the images, as they stand from left to right. */
  readonly sides: readonly number[]
  /** Of a catch pair, the side that is broken. */
  readonly broken: 'left' | 'right' | null
}

/**
 * What a rater is shown, in order: all items shuffled, then repeats and catch pairs strewn in, a repeat some time after its
 * first showing. It depends on the protocol and the rater's name alone, so a rater goes on where they stopped.
 */
export function orderFor(rater: string, protocol: RatingProtocol): Showing[] {
  const { settings, items } = protocol
  const random = new RandomStream('rating-order', settings.seed, rater)
  const sidesOf = (item: number) => random.shuffle(items[item] as number[])
  const shown = random
    .shuffle(items.map((_, item) => item))
    .map((item): Showing => ({ item, kind: 'first', sides: sidesOf(item), broken: null }))
  const catches = settings.mode === 'pairs' ? settings.catches : 0
  for (const { item } of random.shuffle(shown).slice(0, Math.round(catches * items.length))) {
    const [image] = sidesOf(item) as [number]
    const broken = random.pick(['left', 'right'] as const)
    insert(shown, { item, kind: 'catch', sides: [image, image], broken }, random.integer(shown.length + 1))
  }
  const originals = shown.filter(({ kind }) => kind === 'first')
  for (const { item } of random.shuffle(originals).slice(0, Math.round(settings.repeats * items.length))) {
    const after = shown.findIndex((showing) => showing.item === item && showing.kind === 'first') + 1
    const repeat: Showing = { item, kind: 'repeat', sides: sidesOf(item), broken: null }
    const from = Math.min(after + leastBetween, shown.length)
    insert(shown, repeat, from + random.integer(shown.length - from + 1))
  }
  return shown
}

/** Showings between two of one item, where there is room, so that the first is not simply remembered. */
const leastBetween = 5

function insert(list: Showing[], showing: Showing, at: number): void {
  list.splice(at, 0, showing)
}
