import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { program } from './program.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'export-cli-'))
  await writeFolder(folder, { 'own/2_palm/a.png': 1, 'own/2_palm/a.txt': 'a palm', 'own/1_fist/b.png': 2 })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

function phalanx(...words: string[]) {
  const options = { reject: false, stdin: 'ignore', cwd: packageRoot() } as const
  return execa(process.execPath, [...program, 'export', join(folder, 'own'), join(folder, 'out'), ...words], options)
}

test('a dataset is written in another layout, once', async () => {
  const { exitCode, stdout, stderr } = await phalanx('--as', 'kohya', '--name', 'hand', '--json')
  expect([exitCode, stderr]).toEqual([0, ''])
  expect(JSON.parse(stdout)).toMatchObject({ images: 2, folder: join(folder, 'out'), leftOut: [] })
  expect((await readdir(join(folder, 'out'), { recursive: true })).toSorted()).toEqual([
    ...['1_hand', '1_hand/000000.png', '1_hand/000000.txt'],
    ...['2_hand', '2_hand/000001.png', '2_hand/000001.txt'],
  ])
  const again = await phalanx('--as', 'kohya', '--json')
  expect(JSON.parse(again.stdout)).toMatchObject({ error: { name: 'ArtefactError', code: 'folder-taken' } })
})

test.each<[string, string[], string]>([
  ['no layout', [], '--as kohya, imagefolder or webdataset'],
  ['a misspelt one', ['--as', 'webdatset'], 'Did you mean webdataset?'],
  ['a name without folders', ['--as', 'imagefolder', '--name', 'x'], 'there is no "name" here'],
])('%s ends with exit code 2 and says what is right', async (_, words, text) => {
  const { exitCode, stderr } = await phalanx(...words)
  expect(exitCode).toBe(2)
  expect(stderr).toContain(text)
})
