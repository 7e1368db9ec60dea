import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { extract } from 'tar-stream'
import { z } from 'zod'
import { DatasetError } from '../../errors/index.ts'
import { sha256 } from '../../util/sha256.ts'
import { sha256File } from '../../util/sha256-file.ts'
import { type Attribution, attributionRow } from '../attribution.ts'
import { metadataFile } from '../list-images.ts'
import { archiveError, checkMember, type MemberName, memberOf } from './archive-member.ts'
import { writeAttributions } from './exported-image.ts'
import { metadataRowText } from './image-folder.ts'

/** Whether a dataset is named by a tar file or by a folder of them: the files in their order, or null. */
export async function archivesAt(path: string): Promise<string[] | null> {
  const found = await stat(path).catch(() => null)
  if (found?.isFile() === true) return isArchive(path) ? [resolve(path)] : null
  const names = found?.isDirectory() === true ? await readdir(path) : []
  const visible = names.filter((name) => !name.startsWith('.'))
  // What other tools write beside their shards is no image.
  const archives = visible.filter(isArchive).sort()
  const others = visible.some((name) => !isArchive(name) && !/\.(?:jsonl?|parquet|txt|md)$/i.test(name))
  return archives.length === 0 || others ? null : archives.map((name) => join(resolve(path), name))
}

/**
 * Unpacks the shards of a WebDataset into a folder of the imagefolder layout, below `place`, and gives its path. Shards
 * that were unpacked before are known by their bytes. Only images, captions and labels are written, under names that
 * were checked, so that nothing an archive says can reach outside.
 *
 * Throws DatasetError (`broken-archive`, `unsafe-archive`).
 */
export async function unpackArchives(archives: readonly string[], place: string): Promise<string> {
  const hashes = await Promise.all(archives.map((path) => sha256File(path)))
  const folder = join(place, `archive-${sha256(hashes.join('\n')).slice(0, 32)}`)
  if ((await stat(folder).catch(() => null)) !== null) return folder
  // Another call may be at the same.
  const partial = `${folder}.${randomBytes(6).toString('hex')}.partial`
  try {
    await mkdir(partial, { recursive: true })
    const images: UnpackedImage[] = []
    for (const [i, path] of archives.entries()) {
      const below = archives.length === 1 ? '' : `${String(i).padStart(5, '0')}/`
      images.push(...(await unpack(path, partial, below)))
    }
    await writeFile(join(partial, metadataFile), images.map(({ row }) => row).join(''))
    await writeAttributions(partial, images)
    await rename(partial, folder)
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    const wonByOther = (await stat(folder).catch(() => null)) !== null
    if (!wonByOther) throw error
  }
  return folder
}

/** What an archive says of one image, by what ends its members' names. */
interface Sample {
  image: string | null
  text: string | null
  labels: Labels
  readonly pictures: Record<string, string>
}

const labels = z.object({
  caption: z.string().nullable().catch(null).default(null),
  fingers: z.int().min(0).max(10).nullable().catch(null).default(null),
  defect: z.boolean().nullable().catch(null).default(null),
  repeats: z.int().min(1).max(100_000).catch(1).default(1),
  attribution: attributionRow.nullable().catch(null).default(null),
})
type Labels = z.output<typeof labels>

interface UnpackedImage {
  readonly file: string
  /** Its line of metadata. */
  readonly row: string
  readonly attribution: Attribution | null
}

/** Writes an archive's images below a folder. */
async function unpack(path: string, folder: string, below: string): Promise<UnpackedImage[]> {
  const samples = new Map<string, Sample>()
  const names = new Set<string>()
  const members = extract()
  const reading = pipeline(createReadStream(path), members)
  // Told below, in whatever the loop ends.
  reading.catch(() => undefined)
  try {
    for await (const member of members) {
      const { header } = member
      const name = header.type === 'directory' ? null : memberOf(checkMember(path, header, names))
      if (name === null) member.resume()
      else await takeMember(name, await bytesOf(member as AsyncIterable<Uint8Array>))
    }
    await reading
  } catch (cause) {
    if (DatasetError.isInstance(cause) || (cause as NodeJS.ErrnoException).syscall !== undefined) throw cause
    throw archiveError('broken-archive', path, `cannot be read to its end (${(cause as Error).message})`, cause)
  }
  return [...samples.values()].flatMap(({ image, text, labels: said, pictures }) => {
    if (image === null) return []
    const row = metadataRowText(image, { ...said, caption: text ?? said.caption ?? '' }, pictures)
    return [{ file: image, row, attribution: said.attribution }]
  })

  async function takeMember({ key, kind, extension }: MemberName, bytes: Buffer): Promise<void> {
    const sample = samples.get(key) ?? { image: null, text: null, labels: labels.parse({}), pictures: {} }
    samples.set(key, sample)
    if (kind === 'text') sample.text = textOf(path, `${key}.txt`, bytes)
    else if (kind === 'labels') sample.labels = labelsOf(path, `${key}.json`, bytes)
    else {
      const file = `${below}${key}${kind === 'image' ? '' : `.${kind}`}${extension}`
      if (kind !== 'image') sample.pictures[kind] = file
      else if (sample.image === null) sample.image = file
      else throw archiveError('unsafe-archive', path, `has two images of the name ${key}`)
      const place = join(folder, file)
      await mkdir(join(place, '..'), { recursive: true })
      await writeFile(place, bytes, { flag: 'wx' })
    }
  }
}

async function bytesOf(member: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of member) parts.push(part)
  return Buffer.concat(parts)
}

function textOf(path: string, name: string, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw archiveError('broken-archive', path, `has ${name}, which is not valid UTF-8`, cause)
  }
}

function labelsOf(path: string, name: string, bytes: Buffer): Labels {
  try {
    return labels.parse(JSON.parse(textOf(path, name, bytes)))
  } catch (cause) {
    if (DatasetError.isInstance(cause)) throw cause
    throw archiveError('broken-archive', path, `has ${name}, which is no JSON object`, cause)
  }
}

function isArchive(name: string): boolean {
  return /\.tar$/i.test(basename(name))
}
