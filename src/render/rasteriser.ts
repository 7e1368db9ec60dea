/** One surface in camera space (metres, camera at the origin looking along −z). */
export interface Surface {
  readonly positions: Float64Array
  readonly normals: Float64Array
  readonly uvs: Float64Array
  readonly triangles: Uint32Array
}

/** Pinhole camera: pixel = centre ± focal · (x, y) / distance. */
export interface Camera {
  readonly focal: number
  readonly centreX: number
  readonly centreY: number
}

/** What each sample sees. `surface` is −1 where there is nothing. */
export interface SurfaceBuffer {
  readonly width: number
  readonly height: number
  /** Distance along the view axis in metres, Infinity where empty. */
  readonly depth: Float32Array
  readonly surface: Int8Array
  readonly triangle: Int32Array
  /** Perspective-correct barycentric weights of the triangle's first two vertices. */
  readonly first: Float32Array
  readonly second: Float32Array
}

/** Pixel position of a camera-space point and its distance. */
export function project(camera: Camera, x: number, y: number, z: number): [number, number, number] {
  const distance = -z
  return [camera.centreX + (camera.focal * x) / distance, camera.centreY - (camera.focal * y) / distance, distance]
}

/** Z-buffer rasterisation of closed, counter-clockwise surfaces; faces turned away are skipped. */
export function rasterise(surfaces: readonly Surface[], camera: Camera, width: number, height: number): SurfaceBuffer {
  const count = width * height
  const buffer: SurfaceBuffer = {
    width,
    height,
    depth: new Float32Array(count).fill(Infinity),
    surface: new Int8Array(count).fill(-1),
    triangle: new Int32Array(count),
    first: new Float32Array(count),
    second: new Float32Array(count),
  }
  surfaces.forEach((surface, index) => {
    drawSurface(buffer, surface, index, camera)
  })
  return buffer
}

function drawSurface(buffer: SurfaceBuffer, surface: Surface, index: number, camera: Camera): void {
  const vertices = surface.positions.length / 3
  const screen = new Float64Array(vertices * 3)
  for (let i = 0; i < vertices * 3; i += 3) {
    const [x, y, z] = surface.positions.subarray(i, i + 3) as unknown as [number, number, number]
    const [px, py, distance] = project(camera, x, y, z)
    screen[i] = px
    screen[i + 1] = py
    screen[i + 2] = 1 / distance
  }
  for (let t = 0; t < surface.triangles.length; t += 3) drawTriangle(buffer, surface, index, screen, t)
}

function drawTriangle(buffer: SurfaceBuffer, surface: Surface, index: number, screen: Float64Array, t: number): void {
  const a = (surface.triangles[t] as number) * 3
  const b = (surface.triangles[t + 1] as number) * 3
  const c = (surface.triangles[t + 2] as number) * 3
  const ax = screen[a] as number
  const ay = screen[a + 1] as number
  const bx = screen[b] as number
  const by = screen[b + 1] as number
  const cx = screen[c] as number
  const cy = screen[c + 1] as number
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
  if (area >= 0) return
  const ia = screen[a + 2] as number
  const ib = screen[b + 2] as number
  const ic = screen[c + 2] as number
  if (ia <= 0 || ib <= 0 || ic <= 0) return
  const { width, height, depth } = buffer
  const left = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5))
  const right = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5))
  const top = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5))
  const bottom = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5))
  for (let y = top; y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const px = x + 0.5
      const py = y + 0.5
      const wa = ((bx - px) * (cy - py) - (by - py) * (cx - px)) / area
      if (wa < 0) continue
      const wb = ((cx - px) * (ay - py) - (cy - py) * (ax - px)) / area
      if (wb < 0) continue
      const wc = 1 - wa - wb
      if (wc < 0) continue
      const inverse = wa * ia + wb * ib + wc * ic
      const distance = 1 / inverse
      const at = y * width + x
      if (distance >= (depth[at] as number)) continue
      depth[at] = distance
      buffer.surface[at] = index
      buffer.triangle[at] = t
      buffer.first[at] = (wa * ia) / inverse
      buffer.second[at] = (wb * ib) / inverse
    }
  }
}
