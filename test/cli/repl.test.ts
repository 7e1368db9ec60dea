import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openTestLab, tinyBase } from '../../src/testing/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { writeFolder } from '../dataset/image-folder.ts'
import { program } from './program.ts'
import { typed } from './typed.ts'

let folder: string
let base: string
let words: string[]
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-repl-'))
  await using lab = await openTestLab()
  base = JSON.stringify((await tinyBase(lab)).folder)
  await writeFolder(join(folder, 'images'), { 'a.png': 10, 'b.png': 90, 'c.png': 200 })
  const place = ['--attach', process.env.PHALANX_TEST_ENDPOINT ?? '', '--lab', join(folder, 'lab')]
  words = [process.execPath, ...program, 'repl', '--graphics', 'blocks', ...place]
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a session: names ready, progress, Ctrl-C cancels the job only, pictures, errors in their words, history', async () => {
  const browser = join(folder, 'browser')
  await writeFile(browser, `#!/bin/sh\ncp "$1" ${join(folder, 'opened.html')}\n`)
  await chmod(browser, 0o755)
  const session = typed(words, { TERM: 'xterm-256color', BROWSER: browser })
  await session.type('phalanx> ', `base = (await lab.base(${base})).folder.length\r`)
  await session.type(
    /\d+\s+phalanx> $/,
    `base = await lab.base(${base}); data = await lab.dataset('${folder}/images')\r`,
  )
  await session.type(/phalanx> $/, 'lab.dreamB\t')
  const rankless = 'lab.train({ base, dataset: data, technique: lora({ rank: 0 }) })'
  await session.type('lab.dreamBooth', `\u0015${rankless}\r`)
  const refused = await session.type(/rank: must be[\s\S]*phalanx> $/, '')
  expect(refused).toContain('Uncaught ConfigError: ')
  expect(refused).not.toContain('    at ')
  await session.type(
    '',
    "trained = await lab.train({ base, dataset: data, technique: lora(), steps: 1e6, name: 'long' })\r",
  )
  await session.type(/step \d+ of 1000000 · loss \d/, '\u0003')
  const cancelled = await session.type(/Cancelling[\s\S]*phalanx> $/, '')
  expect(cancelled).toContain('Interrupted.')
  await session.type('', "(await lab.sample({ base, prompts: ['a hand'], seeds: [3], steps: 1 }))[0]\r")
  await session.type(
    /▀{24}\s[\s\S]*16x16, seed 3\s+phalanx> $/,
    "await browse('FOLDER/images/b.png')\r".replace('FOLDER', folder),
  )
  const page = await vi.waitUntil(() => readFile(join(folder, 'opened.html'), 'utf8').catch(() => null))
  expect(page).toContain('<img src="data:image/png;base64,')
  await session.type(/pictures.html'\s+phalanx> $/, 'await show(5)\r')
  await session.type(/Only pictures can be shown[\s\S]*phalanx> $/, '.exit\r')
  expect((await session.ended).exitCode).toBe(0)
  expect(await readFile(join(folder, 'lab', 'repl-history'), 'utf8')).toContain(rankless)
  const [checkpoint] = await readdir(join(folder, 'lab', 'runs', 'long', 'checkpoints'))
  expect(checkpoint).toMatch(/^step-/)
}, 120_000)

test('without a terminal there is no session, and that is said before a worker is asked', async () => {
  const { exitCode, stderr } = await execa(process.execPath, [...program, 'repl'], {
    input: '1 + 1',
    reject: false,
    cwd: packageRoot(),
  })
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('phalanx repl needs a terminal')])
})
