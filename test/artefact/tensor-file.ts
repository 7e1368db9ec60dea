/** A safetensors file as its specification says, with zeros for data. */
export function tensorFile(header: object | string, data: number | Buffer): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, typeof data === 'number' ? Buffer.alloc(data) : data])
}

/** One with float32 tensors, each of one number throughout. */
export function filledTensorFile(
  tensors: Readonly<Record<string, readonly [shape: readonly number[], value: number]>>,
): Buffer {
  let position = 0
  const contents: Buffer[] = []
  const header: Record<string, object> = {}
  for (const [name, [shape, value]] of Object.entries(tensors)) {
    const content = Buffer.from(new Float32Array(shape.reduce((product, side) => product * side, 1)).fill(value).buffer)
    header[name] = { dtype: 'F32', shape, data_offsets: [position, position + content.length] }
    position += content.length
    contents.push(content)
  }
  return tensorFile(header, Buffer.concat(contents))
}
