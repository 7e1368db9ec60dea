import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import type { ItemPicture } from '../protocol/jobs.ts'
import type { ImageFacts, ImageInspector } from './image-facts.ts'
import type { ListedImage } from './list-images.ts'
import type { DatasetProblem } from './problem.ts'

/**
 * The mask of an image: its file, or with `alpha` the image itself, whose alpha channel it is then. Null without any;
 * a problem when it has another size than the image, or shows nothing.
 */
export async function maskOf(
  inspector: ImageInspector,
  root: string,
  { file, mask }: ListedImage,
  image: ImageFacts,
  alpha: boolean,
): Promise<ItemPicture | DatasetProblem | null> {
  if (mask !== null) return fileMask(inspector, root, mask, image)
  if (!alpha) return null
  const picture = sharp(join(root, file))
  if (!(await picture.metadata()).hasAlpha) {
    return { file, code: 'no-alpha', message: 'has no alpha channel to be its mask; add one, or a mask file' }
  }
  return (await isBlack(picture.extractChannel('alpha')))
    ? empty(file, 'is transparent all over')
    : { file, sha256: image.sha256 }
}

async function fileMask(
  inspector: ImageInspector,
  root: string,
  file: string,
  image: ImageFacts,
): Promise<ItemPicture | DatasetProblem> {
  const facts = await inspector.inspect(root, file)
  if (!('sha256' in facts)) return facts
  if (facts.width !== image.width || facts.height !== image.height) {
    const [own, other] = [image, facts].map(({ width, height }) => `${width}x${height}`)
    return { file, code: 'mask-mismatch', message: `is ${other} pixels, its image ${own}; give it the image's size` }
  }
  const black = await isBlack(sharp(join(root, file)).flatten({ background: 'white' }))
  return black ? empty(file, 'is black all over') : { file, sha256: facts.sha256 }
}

async function isBlack(picture: Sharp): Promise<boolean> {
  return (await picture.raw().toBuffer()).every((level) => level === 0)
}

function empty(file: string, what: string): DatasetProblem {
  return {
    file,
    code: 'mask-empty',
    message: `${what}, so that nothing would be trained on; mark what counts in white`,
  }
}
