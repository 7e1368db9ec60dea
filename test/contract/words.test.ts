import { homedir } from 'node:os'
import { describe, expect, it } from 'vitest'
import { readTree, root, type TextFile } from './tree.ts'

/** Paths of the machine that runs this test; ones too short to mean anything are left out. */
const machine = [root.replace(/\/$/, ''), homedir(), ['', 'work'].join('/'), ['', 'root'].join('/')].filter(
  (path) => path.length > 4,
)

/** Assembled here, so that this file does not hold what it looks for. */
const forbidden: readonly (readonly [RegExp, string])[] = [
  [new RegExp(`(?<![\\w.-])(?:${machine.map(escaped).join('|')})/\\w`), 'a path of one machine'],
  [/(?<![\w.-])\/tmp\/\w/, 'a temporary path written out'],
  [/https?:\/\/(?!registry\.npmjs\.org)[\w.-]*(?:registry|artifactory|mirror|proxy)[\w.-]*/, 'a registry'],
  [new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`), 'a note for later'],
]

describe('the tree', () => {
  it('holds nothing that belongs to one machine and no note for later', () => {
    const files = readTree(['.'], ['.ts', '.mts', '.mjs', '.py', '.json', '.md', '.txt', '.toml', '.html', '.ci/run'])
    expect(files.length).toBeGreaterThan(100)
    expect(findings(files)).toEqual([])
  })

  it('is caught when it does', () => {
    const path = `${root}src`
    // A clone in a temporary folder is found for both reasons.
    expect(findings([{ path: 'a.md', text: `see\n${path}` }])).toContain('a.md:2 holds a path of one machine')
    expect(findings([{ path: 'a.ts', text: `// ${'TO' + 'DO'}: later` }])).toEqual(['a.ts:1 holds a note for later'])
    expect(findings([{ path: 'a.json', text: `"https://${'registry'}.example.com/x"` }])).toHaveLength(1)
  })
})

function findings(files: readonly TextFile[]): string[] {
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        forbidden.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${path}:${i + 1} holds ${what}`),
      ),
  )
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
