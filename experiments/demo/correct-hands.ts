import { access, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp, { type Sharp } from 'sharp'
import { renderHand } from '../../src/render/hand-render.ts'
import { sampleScene } from '../../src/render/scene.ts'

const perGesture = 64
/** Pixels that tiny-hands draws; renders are made at twice the size and reduced. */
const imageSize = 64
/** Far from the seeds that tiny-hands was trained on, so that nothing here was seen before. */
const firstSeed = 5_000_000

/**
 * Writes well-formed open palms and thumbs up with exact captions and depth maps, once: a folder of PNG files and metadata.jsonl that
 * appears when it is whole.
 */
export async function drawCorrectHands(
  folder: string,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const last = `thumbs-up-${String(perGesture).padStart(3, '0')}.control.png`
  const present = await access(join(folder, last)).then(
    () => true,
    () => false,
  )
  if (present) return
  const partial = `${folder}.partial`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const lines: string[] = []
  for (const gesture of ['open-palm', 'thumbs-up'] as const) {
    for (let i = 0; i < perGesture; i++) {
      const scene = sampleScene(firstSeed + lines.length, { gesture, style: 'photo', side: 'palm' })
      const { rgb, depthMap, width, height, caption } = renderHand(scene, {
        width: 2 * imageSize,
        height: 2 * imageSize,
      })
      const file = `${gesture}-${String(i + 1).padStart(3, '0')}.png`
      const control = file.replace('.png', '.control.png')
      await writeReduced(sharp(rgb, { raw: { width, height, channels: 3 } }), join(partial, file))
      await writeReduced(sharp(depthMap, { raw: { width, height, channels: 1 } }), join(partial, control))
      lines.push(JSON.stringify({ file_name: file, text: caption, control }))
      onProgress(lines.length, 2 * perGesture)
    }
  }
  await writeFile(join(partial, 'metadata.jsonl'), `${lines.join('\n')}\n`)
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
}

async function writeReduced(picture: Sharp, path: string): Promise<void> {
  await picture.resize(imageSize, imageSize, { kernel: 'lanczos3' }).png().toFile(path)
}
