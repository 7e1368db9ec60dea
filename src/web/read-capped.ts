/** A body that holds more than its reader takes. */
export class TooManyBytesError extends Error {
  constructor(most: number) {
    super(`more than ${most} bytes came`)
  }
}

/** All bytes of a body. Throws TooManyBytesError as soon as there are more than `most`, and reads no further. */
export async function readCapped(body: AsyncIterable<Uint8Array> | null, most: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of body ?? []) {
    bytes += part.byteLength
    if (bytes > most) throw new TooManyBytesError(most)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
