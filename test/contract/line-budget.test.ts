import { describe, expect, it } from 'vitest'
import { generatedFiles } from '../../src/protocol/generate/generated-files.ts'
import { readTree, type TextFile } from './tree.ts'

const budget = 300

describe('the line budget', () => {
  it(`leaves no source or test file longer than ${budget} lines`, () => {
    const generated = new Set(Object.keys(generatedFiles()))
    const written = readTree(
      ['src', 'test', 'experiments', 'python-worker', '.ci'],
      ['.ts', '.mts', '.mjs', '.py'],
    ).filter(({ path }) => !generated.has(path))
    expect(written.length).toBeGreaterThan(100)
    expect(overBudget(written)).toEqual([])
  })

  it('counts lines', () => {
    expect(overBudget([{ path: 'long.ts', text: 'a\n'.repeat(301) }])).toEqual(['long.ts has 301 lines'])
    expect(overBudget([{ path: 'just.ts', text: 'a\n'.repeat(300) }])).toEqual([])
  })
})

function overBudget(files: readonly TextFile[]): string[] {
  return files.flatMap(({ path, text }) => {
    const lines = text.replace(/\n$/, '').split('\n').length
    return lines > budget ? [`${path} has ${lines} lines`] : []
  })
}
