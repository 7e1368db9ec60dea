import type { Colour } from './palette.ts'
import type { Surface, SurfaceBuffer } from './rasteriser.ts'
import { type SkinTexture, smoothStep, textureSize } from './skin-texture.ts'

/** Light of a scene; `direction` points from the hand to the key light, camera frame, unit length. */
export interface Light {
  readonly direction: readonly [number, number, number]
  readonly ambient: number
  /** Positive is warm, negative is cool. */
  readonly warmth: number
}

/** A surface with the skin it wears. */
export interface SkinSurface extends Surface {
  readonly texture: SkinTexture
  readonly tone: Colour
  readonly sleeve: Sleeve | null
}

/** Cloth over the forearm from `start` metres below the wrist. */
export interface Sleeve {
  readonly colour: Colour
  readonly start: number
}

/** Interpolated unit normal and texture coordinates at a covered sample. */
export interface Sample {
  nx: number
  ny: number
  nz: number
  u: number
  v: number
}

/** Reads normal and texture coordinates of sample `at` into `sample`. */
export function readSample(buffer: SurfaceBuffer, surface: Surface, at: number, sample: Sample): void {
  const t = buffer.triangle[at] as number
  const a = surface.triangles[t] as number
  const b = surface.triangles[t + 1] as number
  const c = surface.triangles[t + 2] as number
  const wa = buffer.first[at] as number
  const wb = buffer.second[at] as number
  const wc = 1 - wa - wb
  const n = surface.normals
  const x = wa * (n[a * 3] as number) + wb * (n[b * 3] as number) + wc * (n[c * 3] as number)
  const y = wa * (n[a * 3 + 1] as number) + wb * (n[b * 3 + 1] as number) + wc * (n[c * 3 + 1] as number)
  const z = wa * (n[a * 3 + 2] as number) + wb * (n[b * 3 + 2] as number) + wc * (n[c * 3 + 2] as number)
  const length = Math.sqrt(x * x + y * y + z * z) || 1
  sample.nx = x / length
  sample.ny = y / length
  sample.nz = z / length
  const uv = surface.uvs
  sample.u = wa * (uv[a * 2] as number) + wb * (uv[b * 2] as number) + wc * (uv[c * 2] as number)
  sample.v = wa * (uv[a * 2 + 1] as number) + wb * (uv[b * 2 + 1] as number) + wc * (uv[c * 2 + 1] as number)
}

/** Skin colour before light: tone, paler palms, creases, nails, blush and grain. Written to `out`. */
export function skinColour(surface: SkinSurface, u: number, v: number, out: Float64Array): void {
  const sleeved = u < 0 && surface.sleeve !== null && v < -surface.sleeve.start
  const [r, g, b] = sleeved && surface.sleeve ? surface.sleeve.colour : surface.tone
  out[0] = r
  out[1] = g
  out[2] = b
  if (u < 0) return
  const column = Math.min(textureSize - 1, Math.floor(u * textureSize))
  const at = Math.min(textureSize - 1, Math.max(0, Math.floor(v * textureSize))) * textureSize + column
  const { texture } = surface
  const darkness = 1 - g
  const palm = (texture.palm[at] as number) * darkness * darkness * 0.55
  blend(out, 0.93, 0.68, 0.56, palm)
  const blush = (texture.blush[at] as number) * 0.32
  blend(out, (out[0] as number) * 0.98, (out[1] as number) * 0.72, (out[2] as number) * 0.7, blush)
  const crease = (texture.crease[at] as number) * 0.42
  blend(out, (out[0] as number) * 0.52, (out[1] as number) * 0.36, (out[2] as number) * 0.34, crease)
  blend(out, 0.6 * r + 0.4, 0.55 * g + 0.37, 0.55 * b + 0.36, (texture.nail[at] as number) * 0.85)
  const grain = 1 + ((texture.grain[at] as number) - 0.5) * 0.07
  for (let k = 0; k < 3; k++) out[k] = (out[k] as number) * grain
}

function blend(out: Float64Array, r: number, g: number, b: number, share: number): void {
  out[0] = (out[0] as number) + (r - (out[0] as number)) * share
  out[1] = (out[1] as number) + (g - (out[1] as number)) * share
  out[2] = (out[2] as number) + (b - (out[2] as number)) * share
}

/**
 * Photo-like shading of every covered sample: wrapped diffuse light with a reddish terminator, sky ambient, contact
 * shadow from the depth buffer, a soft highlight. `canvas` holds RGB per sample and keeps the background elsewhere.
 */
export function shadePhoto(
  buffer: SurfaceBuffer,
  surfaces: readonly SkinSurface[],
  light: Light,
  occlusion: Float32Array,
  canvas: Float32Array,
): void {
  const sample: Sample = { nx: 0, ny: 0, nz: 1, u: 0, v: 0 }
  const colour = new Float64Array(3)
  const [lx, ly, lz] = light.direction
  const half = Math.hypot(lx, ly, lz + 1)
  for (let at = 0; at < buffer.depth.length; at++) {
    const index = buffer.surface[at] as number
    if (index < 0) continue
    const surface = surfaces[index] as SkinSurface
    readSample(buffer, surface, at, sample)
    skinColour(surface, sample.u, sample.v, colour)
    const facing = sample.nx * lx + sample.ny * ly + sample.nz * lz
    const red = Math.max(0, (facing + 0.35) / 1.35)
    const other = Math.max(0, (facing + 0.18) / 1.18)
    const sky = light.ambient * (0.75 + 0.25 * sample.ny)
    const open = 1 - (occlusion[at] as number)
    const rim = smoothStep(0.55, 0.02, sample.nz)
    const shine = Math.max(0, (sample.nx * lx + sample.ny * ly + sample.nz * (lz + 1)) / half) ** 24 * 0.1
    const key = 1.02 - light.ambient * 0.35
    const fade = open * (1 - 0.45 * rim)
    const warm = 1 + light.warmth * 0.06
    const base = at * 3
    canvas[base] = ((colour[0] as number) * (key * red * warm + sky) + shine) * (1 - (1 - fade) * 0.88)
    canvas[base + 1] = ((colour[1] as number) * (key * other + sky) + shine) * fade
    canvas[base + 2] = ((colour[2] as number) * ((key * other) / warm + sky) + shine) * fade
  }
}

const occlusionTaps = Array.from({ length: 16 }, (_, i) => {
  const angle = i * 2.399963
  const radius = Math.sqrt((i + 0.5) / 16)
  return [Math.cos(angle) * radius, Math.sin(angle) * radius] as const
})

/**
 * Contact shadow, 0 (open) to 1: how much nearer to the camera the surroundings of a sample lie, within about a
 * finger's width. It is what keeps neighbouring fingers apart in a small picture.
 */
export function ambientOcclusion(buffer: SurfaceBuffer, focal: number, radius: number): Float32Array {
  const { width, height, depth } = buffer
  const out = new Float32Array(depth.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      const here = depth[at] as number
      if (here === Infinity) continue
      const reach = (focal * radius) / here
      let sum = 0
      for (const [dx, dy] of occlusionTaps) {
        const column = Math.round(x + dx * reach)
        const row = Math.round(y + dy * reach)
        if (column < 0 || row < 0 || column >= width || row >= height) continue
        const nearer = here - (depth[row * width + column] as number)
        if (nearer > 0.0015) sum += Math.min(1, nearer / radius) * (nearer > radius * 4 ? 0.6 : 1)
      }
      out[at] = Math.min(0.75, (sum / occlusionTaps.length) * 1.5)
    }
  }
  return out
}
