import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { generatedFiles, goldenFolder } from '../../src/protocol/generate/generated-files.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const files = Object.entries(generatedFiles())

test.each(files)('%s is what `npm run generate` writes', (path, content) => {
  expect(readFileSync(`${root}${path}`).equals(Buffer.from(content))).toBe(true)
})

test('no golden message is left of a variant that is no more', () => {
  const expected = files.map(([path]) => path).filter((path) => path.startsWith(goldenFolder))
  expect(readdirSync(`${root}${goldenFolder}`).map((name) => `${goldenFolder}/${name}`)).toEqual(expected.toSorted())
})
