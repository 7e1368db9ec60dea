import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Base, Lab } from '../../src/index.ts'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { writeFolder } from '../dataset/image-folder.ts'

let lab: Lab
let base: Base
beforeAll(async () => {
  lab = await openTestLab()
  base = await tinyBase(lab)
  await writeFolder(join(lab.folder, 'images'), { 'a.png': 1, 'b.png': 200 })
})
afterAll(() => lab?.close())

function startTraining(folder: string) {
  const script = join(packageRoot(), 'test', 'lab', 'fixtures', 'interrupted.ts')
  return execa(process.execPath, ['--import', 'tsx', script, folder, base.folder, join(lab.folder, 'images')], {
    cwd: packageRoot(),
    reject: false,
    stdin: 'ignore',
    env: { OMP_NUM_THREADS: '1' },
  })
}

/** Resolves when the process has printed a line that begins so. */
function printed(child: ReturnType<typeof startTraining>, start: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.split('\n').some((line) => line.startsWith(start))) resolve()
    })
    child.then((result) => reject(new Error(`it ended: ${result.stdout}\n${result.stderr}`)))
  })
}

test('Ctrl-C once finishes the step, writes a checkpoint and exits with 130', async () => {
  const folder = join(lab.folder, 'once')
  const child = startTraining(folder)
  await printed(child, 'step 1')
  child.kill('SIGINT')
  const { exitCode, stdout } = await child
  expect(stdout.trim().split('\n').slice(-1)).toEqual(['ended job-cancelled'])
  expect(exitCode).toBe(130)
  expect(await readdir(join(folder, 'runs', 'long', 'checkpoints'))).not.toEqual([])
}, 180_000)

test('Ctrl-C twice ends at once, and the lab can be opened again', async () => {
  const folder = join(lab.folder, 'twice')
  const child = startTraining(folder)
  await printed(child, 'step 1')
  child.kill('SIGINT')
  await printed(child, 'stopping')
  child.kill('SIGINT')
  expect((await child).exitCode).toBe(130)
  const again = startTraining(folder)
  await printed(again, 'step 1')
  again.kill('SIGKILL')
  await again
}, 240_000)
