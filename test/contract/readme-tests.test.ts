import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './tree.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const named = [...readme.matchAll(/^\[([\w-]+)\]: (\S+) "(.+)"$/gm)].map(([, label, file, name]) => ({
  label: label as string,
  file: file as string,
  name: name as string,
}))

it.each(named)('the README’s $label is a test that exists', ({ file, name }) => {
  expect(hasTest(readFileSync(join(root, file), 'utf8'), name)).toBe(true)
})

it('every test that a cell of the table names is defined, and every one defined is named', () => {
  const used = [...readme.matchAll(/\]\[([\w-]+)\]/g)].map(([, label]) => label)
  expect(named.length).toBeGreaterThan(0)
  expect([...new Set(used)].sort()).toEqual(named.map(({ label }) => label).sort())
})

it('a test that is not there is noticed', () => {
  expect(hasTest('def test_other_things() -> None:', 'test_other')).toBe(false)
  expect(hasTest("test('another thing', () => {", 'another')).toBe(false)
})

/** Whether a file of either language has a test of this name. */
function hasTest(text: string, name: string): boolean {
  return text.includes(`def ${name}(`) || text.includes(`'${name}'`)
}
