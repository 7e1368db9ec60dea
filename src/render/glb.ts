import { ArtefactError } from '../errors/index.ts'

const glbMagic = 0x46546c67
const jsonChunk = 0x4e4f534a
const binaryChunk = 0x004e4942
const componentBytes: Readonly<Record<number, number>> = { 5121: 1, 5123: 2, 5125: 4, 5126: 4 }
const elementComponents: Readonly<Record<string, number>> = { SCALAR: 1, VEC2: 2, VEC3: 3, VEC4: 4, MAT4: 16 }

interface Document {
  readonly nodes: readonly { readonly name?: string }[]
  readonly meshes: readonly { readonly primitives: readonly Primitive[] }[]
  readonly skins: readonly { readonly inverseBindMatrices: number; readonly joints: readonly number[] }[]
  readonly accessors: readonly Accessor[]
  readonly bufferViews: readonly { readonly byteOffset?: number; readonly byteStride?: number }[]
}

interface Primitive {
  readonly attributes: Readonly<Record<string, number>>
  readonly indices: number
}

interface Accessor {
  readonly bufferView: number
  readonly byteOffset?: number
  readonly componentType: number
  readonly count: number
  readonly type: string
}

/** The one skinned mesh of a GLB file, in the file's own coordinates. */
export interface SkinnedMesh {
  /** x, y, z per vertex, metres. */
  readonly positions: Float64Array
  readonly normals: Float64Array
  readonly uvs: Float64Array
  /** Four joint indices per vertex. */
  readonly joints: Float64Array
  /** Four weights per vertex that sum to one. */
  readonly weights: Float64Array
  /** Three vertex indices per triangle. */
  readonly triangles: Float64Array
  readonly jointNames: readonly string[]
  /** One column-major 4x4 matrix per joint. */
  readonly inverseBindMatrices: Float64Array
}

/**
 * Reads the first mesh and first skin of a binary glTF 2.0 file. Tightly packed accessors only.
 * Throws ArtefactError `glb-broken` when the file is something else.
 */
export function readSkinnedMesh(bytes: Uint8Array): SkinnedMesh {
  const { document, binary } = splitChunks(bytes)
  const primitive = document.meshes[0]?.primitives[0]
  const skin = document.skins[0]
  if (primitive === undefined || skin === undefined) throw broken('it holds no skinned mesh')
  const attribute = (name: string) => {
    const index = primitive.attributes[name]
    if (index === undefined) throw broken(`attribute ${name} is missing`)
    return readAccessor(document, binary, index)
  }
  return {
    positions: attribute('POSITION'),
    normals: attribute('NORMAL'),
    uvs: attribute('TEXCOORD_0'),
    joints: attribute('JOINTS_0'),
    weights: attribute('WEIGHTS_0'),
    triangles: readAccessor(document, binary, primitive.indices),
    jointNames: skin.joints.map((node) => document.nodes[node]?.name ?? ''),
    inverseBindMatrices: readAccessor(document, binary, skin.inverseBindMatrices),
  }
}

function splitChunks(bytes: Uint8Array): { document: Document; binary: DataView } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.byteLength < 20 || view.getUint32(0, true) !== glbMagic) throw broken('it is not a binary glTF file')
  let document: Document | undefined
  let binary: DataView | undefined
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const length = view.getUint32(at, true)
    const kind = view.getUint32(at + 4, true)
    if (at + 8 + length > bytes.byteLength) throw broken('it is truncated')
    if (kind === jsonChunk) {
      document = JSON.parse(new TextDecoder().decode(bytes.subarray(at + 8, at + 8 + length))) as Document
    }
    if (kind === binaryChunk) binary = new DataView(bytes.buffer, bytes.byteOffset + at + 8, length)
    at += 8 + length
  }
  if (document === undefined || binary === undefined) throw broken('a chunk is missing')
  return { document, binary }
}

function readAccessor(document: Document, binary: DataView, index: number): Float64Array {
  const accessor = document.accessors[index]
  const bufferView = accessor === undefined ? undefined : document.bufferViews[accessor.bufferView]
  if (accessor === undefined || bufferView === undefined) throw broken(`accessor ${index} is missing`)
  const width = componentBytes[accessor.componentType]
  const components = elementComponents[accessor.type]
  if (width === undefined || components === undefined || bufferView.byteStride !== undefined) {
    throw broken(`accessor ${index} has a layout this reader does not know`)
  }
  const start = (bufferView.byteOffset ?? 0) + (accessor.byteOffset ?? 0)
  const count = accessor.count * components
  if (start + count * width > binary.byteLength) throw broken(`accessor ${index} reaches past the end`)
  const out = new Float64Array(count)
  for (let i = 0; i < count; i++) out[i] = readComponent(binary, start + i * width, accessor.componentType)
  return out
}

function readComponent(view: DataView, at: number, type: number): number {
  if (type === 5126) return view.getFloat32(at, true)
  if (type === 5121) return view.getUint8(at)
  return type === 5123 ? view.getUint16(at, true) : view.getUint32(at, true)
}

function broken(why: string): ArtefactError {
  return new ArtefactError({
    code: 'glb-broken',
    message: `The hand mesh cannot be read: ${why}. Install the package again.`,
  })
}
