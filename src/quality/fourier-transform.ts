/** Fourier transforms of so many complex numbers, by the radix-2 algorithm of Cooley and Tukey (1965). */
export class FourierTransform {
  readonly #size: number
  readonly #cosines: Float64Array
  readonly #sines: Float64Array
  readonly #places: Uint32Array

  /** @param size a power of 2 */
  constructor(size: number) {
    this.#size = size
    const angles = Float64Array.from({ length: size / 2 }, (_, k) => (2 * Math.PI * k) / size)
    this.#cosines = angles.map(Math.cos)
    this.#sines = angles.map(Math.sin)
    const bits = Math.log2(size)
    this.#places = Uint32Array.from({ length: size }, (_, i) => reversedBits(i, bits))
  }

  /** Puts the sums of z[n] exp(-2πi kn / size) in the place of the numbers z. */
  transform(real: Float64Array, imaginary: Float64Array): void {
    const [size, cosines, sines] = [this.#size, this.#cosines, this.#sines]
    this.#reorder(real)
    this.#reorder(imaginary)
    for (let half = 1, stride = size >> 1; half < size; half *= 2, stride >>= 1) {
      for (let first = 0; first < size; first += 2 * half) {
        for (let a = first, k = 0; a < first + half; a++, k += stride) {
          const b = a + half
          const cosine = cosines[k] as number
          const sine = sines[k] as number
          const x = (real[b] as number) * cosine + (imaginary[b] as number) * sine
          const y = (imaginary[b] as number) * cosine - (real[b] as number) * sine
          real[b] = (real[a] as number) - x
          imaginary[b] = (imaginary[a] as number) - y
          real[a] = (real[a] as number) + x
          imaginary[a] = (imaginary[a] as number) + y
        }
      }
    }
  }

  #reorder(values: Float64Array): void {
    for (let i = 0; i < values.length; i++) {
      const place = this.#places[i] as number
      if (place <= i) continue
      const value = values[i] as number
      values[i] = values[place] as number
      values[place] = value
    }
  }
}

function reversedBits(value: number, bits: number): number {
  let result = 0
  for (let bit = 0; bit < bits; bit++) result |= ((value >> bit) & 1) << (bits - 1 - bit)
  return result
}
