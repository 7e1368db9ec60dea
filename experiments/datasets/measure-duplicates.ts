/**
 * How well perceptual hashes find frames of one recording: precision and recall over all pairs of images, by distance.
 *
 *   npx tsx experiments/datasets/measure-duplicates.ts <folder>
 *
 * The name of a file up to `_pic` says which recording it is of, as in the HandsDataset of Subhi Hadri (Apache-2.0). Frames
 * of one recording need not look alike, so recall against recordings is a lower bound of what is worth finding.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspectImage } from '../../src/curation/inspect-image.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('Name a folder of images whose names begin with <recording>_pic.')

const images: { recording: string; hashes: readonly [own: bigint, mirrored: bigint] }[] = []
for (const name of (await readdir(folder)).filter((file) => file.includes('_pic'))) {
  const inspected = await inspectImage(await readFile(join(folder, name)), 8)
  if (typeof inspected === 'string') throw new Error(`${name}: ${inspected}`)
  const { hash, mirroredHash } = inspected.image
  const [recording = ''] = name.split('_pic')
  images.push({ recording, hashes: [BigInt(`0x${hash}`), BigInt(`0x${mirroredHash}`)] })
}

const pairs = images.flatMap((a, i) =>
  images.slice(i + 1).map((b) => ({
    same: a.recording === b.recording,
    apart: Math.min(...b.hashes.map((hash) => ones(hash ^ a.hashes[0]))),
  })),
)
const same = pairs.filter((pair) => pair.same).length
console.log(
  `${images.length} images, ${new Set(images.map(({ recording }) => recording)).size} recordings, ${same} pairs of one`,
)
console.log('distance   pairs   precision   recall')
for (let distance = 0; distance <= 20; distance += 2) {
  const found = pairs.filter(({ apart }) => apart <= distance)
  const right = found.filter((pair) => pair.same).length
  const columns = [distance, found.length, (right / found.length).toFixed(3), (right / same).toFixed(3)]
  console.log(columns.map((value, i) => String(value).padStart([8, 8, 12, 9][i] ?? 0)).join(''))
}

function ones(bits: bigint): number {
  return bits.toString(2).replaceAll('0', '').length
}
