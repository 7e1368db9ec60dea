import { RandomStream } from '../util/random.ts'
import { type BackgroundColour, backgroundColours, type Colour, mixColours } from './palette.ts'

/** What lies behind the hand: one plain colour, a soft gradient, out-of-focus blobs, or paper. */
export interface Background {
  readonly kind: 'plain' | 'gradient' | 'blurred' | 'paper'
  readonly colour: BackgroundColour
  /** Seed of the gradient's direction and of the blobs. */
  readonly seed: number
}

/** RGB of the background, three floats per pixel in 0 to 1. */
export function paintBackground(background: Background, width: number, height: number): Float32Array {
  const random = new RandomStream('background', background.seed)
  const shift = background.kind === 'paper' ? 0.01 : 0.05
  const named = backgroundColours[background.colour]
  const base: Colour = [
    named[0] + random.uniform(-shift, shift),
    named[1] + random.uniform(-shift, shift),
    named[2] + random.uniform(-shift, shift),
  ]
  const shade = shader(background.kind, base, random)
  const out = new Float32Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [r, g, b] = shade((x + 0.5) / width, (y + 0.5) / height)
      const at = (y * width + x) * 3
      out[at] = r
      out[at + 1] = g
      out[at + 2] = b
    }
  }
  return out
}

type Shader = (x: number, y: number) => Colour

function shader(kind: Background['kind'], base: Colour, random: RandomStream): Shader {
  if (kind === 'plain') return vignette(base, random.uniform(0, 0.06))
  if (kind === 'paper') return paper(base, random)
  if (kind === 'gradient') return gradient(base, random)
  return blurred(base, random)
}

function vignette(base: Colour, strength: number): Shader {
  return (x, y) => scale(base, 1 - strength * 4 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))
}

function gradient(base: Colour, random: RandomStream): Shader {
  const angle = random.uniform(0, 2 * Math.PI)
  const [from, to] = [scale(base, random.uniform(0.72, 0.88)), mixColours(base, [1, 1, 1], random.uniform(0.08, 0.3))]
  return (x, y) => mixColours(from, to, 0.5 + 0.7 * ((x - 0.5) * Math.cos(angle) + (y - 0.5) * Math.sin(angle)))
}

function blurred(base: Colour, random: RandomStream): Shader {
  const blobs = Array.from({ length: 5 + random.integer(5) }, () => ({
    x: random.uniform(-0.1, 1.1),
    y: random.uniform(-0.1, 1.1),
    radius: random.uniform(0.18, 0.45),
    tint: mixColours(scale(base, random.uniform(0.6, 1.25)), [random.unit(), random.unit(), random.unit()], 0.14),
  }))
  return (x, y) => {
    let colour: Colour = base
    for (const blob of blobs) {
      const near = 1 - Math.min(1, Math.hypot(x - blob.x, y - blob.y) / blob.radius)
      colour = mixColours(colour, blob.tint, near * near * (3 - 2 * near) * 0.8)
    }
    return colour
  }
}

function paper(base: Colour, random: RandomStream): Shader {
  const cells = 48
  const fibres = Float32Array.from({ length: cells * cells }, () => random.uniform(-0.022, 0.022))
  return (x, y) => {
    const grain = fibres[(Math.floor(y * cells) % cells) * cells + (Math.floor(x * cells) % cells)] as number
    return [base[0] + grain, base[1] + grain, base[2] + grain]
  }
}

function scale(colour: Colour, factor: number): Colour {
  return [Math.min(1, colour[0] * factor), Math.min(1, colour[1] * factor), Math.min(1, colour[2] * factor)]
}
