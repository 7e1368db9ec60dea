const philoxMultiplier = 0xd256d193
const philoxWeyl = 0x9e3779b9
const philoxRounds = 10

/** High 32 bits of the product of two unsigned 32-bit integers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const cross = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0
}

/** FNV-1a over the UTF-16 code units of the parts, each part closed by its length so that ('ab','c') ≠ ('a','bc'). */
function hashKey(parts: readonly (string | number)[]): [number, number] {
  let first = 0x811c9dc5
  let second = 0x01234567
  const absorb = (unit: number) => {
    first = Math.imul(first ^ unit, 0x01000193) >>> 0
    second = Math.imul(second ^ (unit + 0x9e37), 0x85ebca6b) >>> 0
    second = (second ^ (second >>> 13)) >>> 0
  }
  for (const part of parts) {
    const text = typeof part === 'number' ? `#${part}` : part
    for (let i = 0; i < text.length; i++) absorb(text.charCodeAt(i))
    absorb(0x10000 + text.length)
  }
  return [first, second]
}

/**
 * Deterministic random numbers from a counter: the n-th value depends only on the key and n (Philox 2x32-10,
 * Salmon et al. 2011). Streams with different keys are independent, so adding a draw to one never shifts another.
 */
export class RandomStream {
  readonly #key: number
  readonly #salt: number
  #counter = 0

  /** A stream named by any strings and numbers, for example `new RandomStream('scene', seed, 'pose')`. */
  constructor(...key: readonly (string | number)[]) {
    const [first, second] = hashKey(key)
    this.#key = first
    this.#salt = second
  }

  /** The next unsigned 32-bit integer. */
  uint32(): number {
    let left = this.#counter++ >>> 0
    let right = this.#salt
    let key = this.#key
    for (let round = 0; round < philoxRounds; round++) {
      const high = multiplyHigh(philoxMultiplier, left)
      const low = Math.imul(philoxMultiplier, left) >>> 0
      left = (high ^ key ^ right) >>> 0
      right = low
      key = (key + philoxWeyl) >>> 0
    }
    return left
  }

  /** Uniform in [0, 1). */
  unit(): number {
    return this.uint32() / 0x100000000
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.unit()
  }

  /** Integer in [0, count). */
  integer(count: number): number {
    return Math.floor(this.unit() * count)
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.unit() < probability
  }

  /** Standard normal (Box–Muller, one of the pair). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()))
    return radius * Math.cos(2 * Math.PI * this.unit())
  }

  /** One of the items, each equally likely. Throws RangeError for an empty list. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('pick needs at least one item')
    return items[this.integer(items.length)] as T
  }

  /** A new array with the items in random order (Fisher–Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items]
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const held = shuffled[i] as T
      shuffled[i] = shuffled[j] as T
      shuffled[j] = held
    }
    return shuffled
  }
}
