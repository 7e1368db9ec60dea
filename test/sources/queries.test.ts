import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeQueries, readQueryFile } from '../../src/sources/index.ts'
import { packageRoot } from '../../src/util/package-root.ts'

const lists = { medium: ['photo'], subject: ['a man'], gesture: ['waving'] }

test("the file of hands gives the paper's 204 queries, its examples among them", async () => {
  const { queries } = await readQueryFile(join(packageRoot(), 'experiments', 'datasets', 'hands.queries.json'))
  expect(queries).toHaveLength(204)
  expect(new Set(queries).size).toBe(204)
  expect(queries).toEqual(
    expect.arrayContaining(['hands', 'photo of a woman giving thumbs up', 'drawing of a man giving a handshake']),
  )
  expect(queries.filter((query) => /\bdrawing\b/.test(query))).toHaveLength(100)
})

test('every medium meets every subject and every gesture, in the order of the lists', () => {
  expect(
    makeQueries({
      plain: ['hands'],
      pattern: '{gesture}: {medium} of {subject}',
      medium: ['photo', 'drawing'],
      subject: ['{gesture}', 'b'],
      gesture: ['waving'],
    }),
  ).toEqual([
    'hands',
    'waving: photo of {gesture}',
    'waving: photo of b',
    'waving: drawing of {gesture}',
    'waving: drawing of b',
  ])
})

test.each([
  ['a list without words', { ...lists, gesture: [] }, 'gesture'],
  ['an empty word', { ...lists, subject: [' '] }, 'subject[0]'],
  ['a pattern without a place', { ...lists, pattern: '{medium} of {subject}' }, '{gesture}'],
  ['a place twice', { ...lists, pattern: '{medium} {medium} {subject} {gesture}' }, 'once'],
  ['a misspelt list', { ...lists, gestures: ['waving'] }, 'Did you mean "gesture"?'],
])('%s is refused', (_, input, text) => {
  expect(() => makeQueries(input)).toThrow(
    expect.objectContaining({ code: 'invalid-settings', message: expect.stringContaining(text) }),
  )
})

test('a query that comes twice is refused by its words', () => {
  expect(() => makeQueries({ ...lists, plain: ['photo of a man waving'] })).toThrow(
    expect.objectContaining({ code: 'repeated-query', facts: { query: 'photo of a man waving' } }),
  )
})

test('a file that is missing, no JSON or no UTF-8 is refused', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'queries-test-'))
  const path = join(folder, 'queries.json')
  await expect(readQueryFile(path)).rejects.toMatchObject({ name: 'ConfigError', code: 'unreadable-queries' })
  await writeFile(path, '{"plain": [')
  await expect(readQueryFile(path)).rejects.toMatchObject({ code: 'unreadable-queries' })
  await writeFile(path, Buffer.from([0x22, 0xff, 0x22]))
  await expect(readQueryFile(path)).rejects.toMatchObject({ code: 'unreadable-queries' })
  await rm(folder, { recursive: true })
})
