/** The arrays of a skinned mesh that the forearm is added to. */
export interface SkinnedGeometry {
  readonly positions: Float64Array
  readonly normals: Float64Array
  readonly uvs: Float64Array
  readonly joints: Uint8Array
  readonly weights: Float64Array
  readonly triangles: Uint32Array
}

const segments = 20
/** Rings from the heel of the hand down the arm: height, half width, half thickness (metres), wrist's share. */
const rings = [
  [0.004, 0.018, 0.009, 1],
  [-0.008, 0.0255, 0.0178, 0.8],
  [-0.02, 0.0268, 0.0192, 0.5],
  [-0.04, 0.0275, 0.02, 0.15],
  [-0.07, 0.0295, 0.022, 0],
  [-0.12, 0.034, 0.027, 0],
  [-0.18, 0.04, 0.033, 0],
  [-0.28, 0.044, 0.038, 0],
] as const

/**
 * Adds a tapered tube to a hand whose wrist lies at the origin, so that the arm leaves the picture. The arm has no
 * texture: its u is −1 and its v is the height below the wrist, for a sleeve.
 */
export function appendForearm(hand: SkinnedGeometry, forearmJoint: number): SkinnedGeometry {
  const [centreX, centreZ] = heelCentre(hand.positions)
  const first = hand.positions.length / 3
  const positions = [...hand.positions]
  const normals = [...hand.normals]
  const uvs = [...hand.uvs]
  const joints = [...hand.joints]
  const weights = [...hand.weights]
  const triangles = [...hand.triangles]
  rings.forEach(([height, width, thickness, wristShare], ring) => {
    for (let segment = 0; segment < segments; segment++) {
      const angle = (2 * Math.PI * segment) / segments
      const [sine, cosine] = [Math.sin(angle), Math.cos(angle)]
      positions.push(centreX + width * cosine, height, centreZ + thickness * sine)
      const length = Math.hypot(cosine / width, sine / thickness)
      normals.push(cosine / width / length, 0, sine / thickness / length)
      uvs.push(-1, height)
      joints.push(0, forearmJoint, 0, 0)
      weights.push(wristShare, 1 - wristShare, 0, 0)
      if (ring + 1 === rings.length) continue
      const next = (segment + 1) % segments
      const [a, b] = [first + ring * segments + segment, first + ring * segments + next]
      triangles.push(a, b, a + segments, b, b + segments, a + segments)
    }
  })
  return {
    positions: Float64Array.from(positions),
    normals: Float64Array.from(normals),
    uvs: Float64Array.from(uvs),
    joints: Uint8Array.from(joints),
    weights: Float64Array.from(weights),
    triangles: Uint32Array.from(triangles),
  }
}

/** Middle of the cross-section just above the wrist. */
function heelCentre(positions: Float64Array): [number, number] {
  let [left, right, back, front] = [Infinity, -Infinity, Infinity, -Infinity]
  for (let i = 0; i < positions.length; i += 3) {
    const [x, y, z] = [positions[i] ?? 0, positions[i + 1] ?? 0, positions[i + 2] ?? 0]
    if (y < -0.018 || y > 0.002) continue
    left = Math.min(left, x)
    right = Math.max(right, x)
    back = Math.min(back, z)
    front = Math.max(front, z)
  }
  return [(left + right) / 2, (back + front) / 2]
}
