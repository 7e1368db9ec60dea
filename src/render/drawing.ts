import type { SurfaceBuffer } from './rasteriser.ts'
import { type Light, readSample, type Sample, type SkinSurface, skinColour } from './shading.ts'

/** How a drawing is made. */
export interface DrawingStyle {
  /** Flat tones of the skin: 2 or 3. */
  readonly tones: 2 | 3
  /** Width of the outline in samples. */
  readonly line: number
  /** 0 keeps the paper's colour inside the hand, 1 paints the skin. */
  readonly fill: number
}

/** Drawing of every covered sample: flat tones and a dark line where depth or normal jumps. */
export function shadeDrawing(
  buffer: SurfaceBuffer,
  surfaces: readonly SkinSurface[],
  light: Light,
  occlusion: Float32Array,
  style: DrawingStyle,
  canvas: Float32Array,
): void {
  const normals = paintTones(buffer, surfaces, light, occlusion, style, canvas)
  drawLines(buffer, normals, style.line, canvas)
}

function paintTones(
  buffer: SurfaceBuffer,
  surfaces: readonly SkinSurface[],
  light: Light,
  occlusion: Float32Array,
  style: DrawingStyle,
  canvas: Float32Array,
): Float32Array {
  const normals = new Float32Array(buffer.depth.length * 3)
  const sample: Sample = { nx: 0, ny: 0, nz: 1, u: 0, v: 0 }
  const colour = new Float64Array(3)
  const [lx, ly, lz] = light.direction
  for (let at = 0; at < buffer.depth.length; at++) {
    const index = buffer.surface[at] as number
    if (index < 0) continue
    const surface = surfaces[index] as SkinSurface
    readSample(buffer, surface, at, sample)
    normals[at * 3] = sample.nx
    normals[at * 3 + 1] = sample.ny
    normals[at * 3 + 2] = sample.nz
    skinColour(surface, sample.u, sample.v, colour)
    const bright = sample.nx * lx + sample.ny * ly + sample.nz * lz - (occlusion[at] as number) * 0.9
    const tone = bright > 0.3 ? 1.04 : style.tones === 3 && bright < -0.1 ? 0.6 : 0.8
    for (let k = 0; k < 3; k++) {
      const flat = (colour[k] as number) * tone
      const paper = (canvas[at * 3 + k] as number) * (0.5 + 0.5 * tone)
      canvas[at * 3 + k] = paper + (flat - paper) * style.fill
    }
  }
  return normals
}

function drawLines(buffer: SurfaceBuffer, normals: Float32Array, line: number, canvas: Float32Array): void {
  const { width, height, depth } = buffer
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      let edge = 0
      for (let k = 0; k < 4; k++) {
        const column = x + (k === 0 ? line : k === 1 ? -line : 0)
        const row = y + (k === 2 ? line : k === 3 ? -line : 0)
        if (column < 0 || row < 0 || column >= width || row >= height) continue
        edge = Math.max(edge, jump(depth, normals, at, row * width + column))
      }
      if (edge === 0) continue
      for (let k = 0; k < 3; k++) {
        const ink = k === 2 ? 0.12 : 0.09
        canvas[at * 3 + k] = (canvas[at * 3 + k] as number) * (1 - edge) + ink * edge
      }
    }
  }
}

/** 1 at a silhouette or a step in depth, less at a fold. */
function jump(depth: Float32Array, normals: Float32Array, a: number, b: number): number {
  const da = depth[a] as number
  const db = depth[b] as number
  if (da === Infinity && db === Infinity) return 0
  if (da === Infinity || db === Infinity) return 1
  if (Math.abs(da - db) > 0.0055) return 1
  const dot =
    (normals[a * 3] as number) * (normals[b * 3] as number) +
    (normals[a * 3 + 1] as number) * (normals[b * 3 + 1] as number) +
    (normals[a * 3 + 2] as number) * (normals[b * 3 + 2] as number)
  return dot < 0.45 ? 0.75 : 0
}
