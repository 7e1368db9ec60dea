import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { jpeg } from '../curation/local-web-site.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'curate-cli-'))
  await writeFile(join(folder, 'a.queries.json'), '{"medium":["photo"],"subject":["a man"],"gesture":["waving"]}')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Runs the real program from its source, in the test's folder. */
function curate(...words: string[]) {
  const root = packageRoot()
  const loader = join(root, 'node_modules', 'tsx', 'dist', 'loader.mjs')
  const program = ['--import', loader, '--conditions=phalanx-source', join(root, 'src/cli/main.ts')]
  return execa(process.execPath, [...program, 'curate', 'a.queries.json', ...words], {
    ...{ reject: false, stdin: 'ignore', cwd: folder },
  })
}

test('a list of files becomes a frozen set, once', async () => {
  for (const i of [1, 2]) await writeFile(join(folder, `${i}.jpg`), await jpeg(i))
  const lines = [1, 2, 3].map((i) => JSON.stringify({ url: `file://${join(folder, `${i}.jpg`)}`, licence: 'cc0 1.0' }))
  await writeFile(join(folder, 'list.jsonl'), lines.join('\n'))
  const words = ['--source', 'list.jsonl', '--set', 'smallestSide=32']
  const { exitCode, stdout, stderr } = await curate(...words, '--json')
  expect([exitCode, stderr]).toEqual([0, ''])
  const { counts, frozen, nextTry } = JSON.parse(stdout)
  expect(nextTry).toBe(null)
  expect(counts).toMatchObject({ states: { fetched: 2, refused: 1 }, refusals: [{ reason: 'missing-file', count: 1 }] })
  expect(frozen).toMatchObject({ sha256: basename(frozen.folder), views: [{ images: 2 }, { images: 2 }] })
  const again = await curate(...words)
  expect(again.exitCode).toBe(0)
  expect(again.stdout).toMatch(/2 kept, 1 refused:\n {2}missing-file +1\nLook first at .*\nphotos\+drawings: 2 images/)
  expect(again.stdout.endsWith(join(frozen.folder, 'index.html'))).toBe(true)
})

test.each<[string, string[], string]>([
  ['a misspelt source', ['--source', 'opnverse'], 'Did you mean openverse?'],
  ['commons without a contact', ['--source', 'commons'], '--contact'],
  ['no source', [], 'no source'],
  ['a misspelt setting', ['--source', '.', '--set', 'perQeury=2'], 'Did you mean "perQuery"?'],
])('%s ends with exit code 2 and says what is right', async (_, words, text) => {
  const { exitCode, stderr } = await curate(...words)
  expect(exitCode).toBe(2)
  expect(stderr).toContain(text)
})
