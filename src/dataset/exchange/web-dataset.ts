import { createWriteStream } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { canonicalJson } from '../../util/canonical-json.ts'
import type { ExportedImage } from './exported-image.ts'

/** Bytes of a tar's header, and what files in it are filled up to. */
const block = 512

interface Member {
  readonly name: string
  readonly bytes: Buffer
}

/**
 * Writes shards `00000.tar`, `00001.tar`, … of the WebDataset layout: of each image `<key>.<type>`, its caption
 * `<key>.txt`, what else is known of it in `<key>.json`, and its pictures as `<key>.mask.png` and the like. The bytes of a
 * shard depend on the images alone. A shard ends before the image that would make it larger than `shardBytes`.
 */
export async function writeWebDataset(
  folder: string,
  images: readonly ExportedImage[],
  shardBytes: number,
  copied: () => void,
): Promise<void> {
  let shard: Shard | undefined
  let shards = 0
  for (const image of images) {
    const members = await membersOf(image)
    const size = members.reduce((sum, { bytes }) => sum + block + Math.ceil(bytes.length / block) * block, 0)
    if (shard !== undefined && shard.size + size > shardBytes) {
      await shard.end()
      shard = undefined
    }
    shard ??= new Shard(join(folder, `${String(shards++).padStart(5, '0')}.tar`))
    await shard.add(members, size)
    copied()
  }
  await shard?.end()
}

class Shard {
  /** Its end takes two blocks. */
  size = 2 * block
  readonly #pack = pack()
  readonly #written: Promise<void>

  constructor(path: string) {
    this.#written = pipeline(this.#pack, createWriteStream(path))
    // Told where it is waited for.
    this.#written.catch(() => undefined)
  }

  async add(members: readonly Member[], size: number): Promise<void> {
    this.size += size
    for (const { name, bytes } of members) {
      const added = new Promise<void>((resolve, reject) => {
        const header = { name, size: bytes.length, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }
        this.#pack.entry(header, bytes, (error) => (error ? reject(error) : resolve()))
      })
      await Promise.race([added, this.#written])
    }
  }

  async end(): Promise<void> {
    this.#pack.finalize()
    await this.#written
  }
}

async function membersOf({ item, key, extension, path, pictures, attribution }: ExportedImage): Promise<Member[]> {
  const { caption, fingers, defect, repeats, width, height, sha256 } = item
  const facts = {
    caption,
    fingers,
    defect,
    repeats,
    width,
    height,
    sha256,
    ...(attribution !== null && { attribution }),
  }
  const own = await Promise.all(
    pictures.map(async (picture) => ({
      name: `${key}.${picture.kind}${picture.extension}`,
      bytes: await readFile(picture.path),
    })),
  )
  return [
    { name: `${key}${extension}`, bytes: await readFile(path) },
    { name: `${key}.txt`, bytes: Buffer.from(caption) },
    { name: `${key}.json`, bytes: Buffer.from(canonicalJson(facts)) },
    ...own,
  ]
}
