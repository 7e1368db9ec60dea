/** Of the sum of absolute slopes, in steps of 0 to 255: what edge ControlNets were trained with. */
const [weakest, strongest] = [100, 200]
/** Tangent of 22.5 degrees: between it and its inverse an edge runs diagonally. */
const diagonal = Math.SQRT2 - 1

interface Slopes {
  readonly x: Int32Array
  readonly y: Int32Array
  /** |x| + |y| */
  readonly size: Int32Array
}

/**
 * Edges of a picture, 255 on them and 0 elsewhere: the detector of Canny (1986) as OpenCV computes it and as the public
 * edge ControlNets were trained with, without blur, at 100 and 200. A pixel takes the channel whose slope is steepest.
 *
 * @param rgb three bytes per pixel
 */
export function edgeMap(rgb: Uint8Array, width: number, height: number): Uint8Array {
  const slopes = steepestSlopes(rgb, width, height)
  const edges = new Uint8Array(width * height)
  const candidates = new Uint8Array(width * height)
  const waiting: number[] = []
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x
      const size = slopes.size[at] as number
      if (size <= weakest || !isCrest(slopes, x, y, width, height)) continue
      candidates[at] = 1
      if (size > strongest) {
        edges[at] = 255
        waiting.push(at)
      }
    }
  }
  // What hangs together with a strong edge is one, too.
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const next of neighbours(at, width, height)) {
      if (candidates[next] === 0 || edges[next] === 255) continue
      edges[next] = 255
      waiting.push(next)
    }
  }
  return edges
}

/** Sobel's slopes; beyond the border the picture goes on as it ends. */
function steepestSlopes(rgb: Uint8Array, width: number, height: number): Slopes {
  const [x, y, size] = [0, 1, 2].map(() => new Int32Array(width * height)) as [Int32Array, Int32Array, Int32Array]
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = row * width + column
      size[at] = -1
      for (let channel = 0; channel < 3; channel++) {
        const value = (right: number, down: number): number => {
          const [c, r] = [clamp(column + right, width), clamp(row + down, height)]
          return rgb[3 * (r * width + c) + channel] as number
        }
        const across = value(1, -1) + 2 * value(1, 0) + value(1, 1) - value(-1, -1) - 2 * value(-1, 0) - value(-1, 1)
        const down = value(-1, 1) + 2 * value(0, 1) + value(1, 1) - value(-1, -1) - 2 * value(0, -1) - value(1, -1)
        const sum = Math.abs(across) + Math.abs(down)
        if (sum > (size[at] as number)) [x[at], y[at], size[at]] = [across, down, sum]
      }
    }
  }
  return { x, y, size }
}

function clamp(place: number, length: number): number {
  return Math.min(Math.max(place, 0), length - 1)
}

/** Whether no neighbour across the edge is steeper. */
function isCrest(slopes: Slopes, x: number, y: number, width: number, height: number): boolean {
  const at = y * width + x
  const [across, down, size] = [slopes.x[at] as number, slopes.y[at] as number, slopes.size[at] as number]
  const beside = (right: number, below: number): number => {
    const [c, r] = [x + right, y + below]
    return c < 0 || r < 0 || c >= width || r >= height ? 0 : (slopes.size[r * width + c] as number)
  }
  const [wide, tall] = [Math.abs(across), Math.abs(down)]
  // Of two equal neighbours one is the crest: the left one, the upper one; on a diagonal neither.
  if (tall < wide * diagonal) return size > beside(-1, 0) && size >= beside(1, 0)
  if (tall * diagonal > wide) return size > beside(0, -1) && size >= beside(0, 1)
  const side = across < 0 === down < 0 ? 1 : -1
  return size > beside(-side, -1) && size > beside(side, 1)
}

function neighbours(at: number, width: number, height: number): number[] {
  const [column, row] = [at % width, Math.floor(at / width)]
  const near: number[] = []
  for (let r = Math.max(0, row - 1); r <= Math.min(height - 1, row + 1); r++) {
    for (let c = Math.max(0, column - 1); c <= Math.min(width - 1, column + 1); c++) near.push(r * width + c)
  }
  return near
}
