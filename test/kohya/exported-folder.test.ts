import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exportDataset, openDataset } from '../../src/dataset/index.ts'
import { openCheckout } from '../../src/kohya/checkout.ts'
import { checkoutPython } from '../../src/kohya/environment.ts'
import { writeFolder } from '../dataset/image-folder.ts'

if (!process.env.KOHYA_HOME) console.log('skipped: KOHYA_HOME names no checkout of sd-scripts')

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'exported-folder-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

test.skipIf(!process.env.KOHYA_HOME)(
  'an unmodified sd-scripts reads the captions and repeats of a folder that was exported for it',
  async () => {
    const captions = ['a palm', '', 'two "quoted", 1_2', "l'ombre 手 👋🏽", 'x'.repeat(300), '{"a":1}']
    const rows = captions.map((text, i) => JSON.stringify({ file_name: `${i}.png`, text, repeats: (i % 3) + 1 }))
    const images = Object.fromEntries(captions.map((_, i) => [`${i}.png`, i]))
    await writeFolder(join(root, 'own'), { ...images, 'metadata.jsonl': rows.join('\n') })
    const dataset = await openDataset(join(root, 'own'), { folder: join(root, 'lab') })
    const { folder } = await exportDataset(dataset, join(root, 'out'), { as: 'kohya', name: 'sks_hand' })
    const checkout = await openCheckout({ type: 'kohya' })
    const script = fileURLToPath(new URL('fixtures/read-folder.py', import.meta.url))
    const call = { onProgress: () => undefined, signal: undefined }
    const python = await checkoutPython(checkout, { type: 'kohya' }, call)
    const { stdout } = await execa(python, [script, folder], {
      env: { HF_HUB_OFFLINE: '1', PYTHONPATH: checkout.home },
    })
    const read = JSON.parse(stdout.split('\n').at(-1) ?? '') as [string, number][]
    const expected = captions.map((text, i) => [text, (i % 3) + 1])
    expect(read).toEqual(expected.toSorted(([, a], [, b]) => Number(a) - Number(b)))
  },
  600_000,
)
