import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeSampleStudy } from '../report/sample-study.ts'
import { program } from './program.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs the real program from its source. */
function phalanx(...words: string[]) {
  return execa(process.execPath, [...program, ...words], { reject: false, stdin: 'ignore', cwd: root })
}

describe('phalanx', () => {
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'phalanx-cli-'))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('lists its commands and exit codes', async () => {
    const { exitCode, stdout } = await phalanx('--help')
    expect(exitCode).toBe(0)
    for (const word of ['run <study.ts>', 'train <dataset>', 'doctor', '130']) expect(stdout).toContain(word)
  })

  it('refuses a misspelt command with exit code 2 and names the nearest', async () => {
    const { exitCode, stdout, stderr } = await phalanx('docter')
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toContain('Did you mean "doctor"?')
  })

  it('prints an error as JSON when asked to', async () => {
    const { exitCode, stdout, stderr } = await phalanx('run', join(folder, 'absent.ts'), '--json')
    expect([exitCode, stderr]).toEqual([2, ''])
    expect(JSON.parse(stdout).error).toMatchObject({ name: 'ConfigError', code: 'study-not-found' })
  })

  it('explains a training of a published base, of which nothing is fetched', async () => {
    const lab = join(folder, 'lab')
    const settings = ['--set', 'technique.rank=8', '--set', 'technique.convolutionRank=2']
    const { exitCode, stdout, stderr } = await phalanx('explain', '--base', 'sd-1.5', '--lab', lab, ...settings)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toContain('160 unet attention layers: rank 8, alpha 1')
    expect(stdout).toContain('trains 4\u202f718\u202f592 parameters')
    expect(stdout).toMatch(/without effect:\n {2}technique\.convolutionRank: no convolution/)
  }, 120_000)

  it('says what is wrong with a study file', async () => {
    const cases = [
      ['empty.ts', 'export const x = 1', 'study-missing'],
      ['broken.ts', 'export default {', 'study-unreadable'],
      [
        'misspelt.ts',
        "export default { name: 'a', bases: ['tiny-hands'], arms: { baseline: {} }, promts: ['x'] }",
        'invalid-settings',
      ],
    ] as const
    for (const [name, text, code] of cases) {
      await writeFile(join(folder, name), text)
      const { exitCode, stdout } = await phalanx('run', join(folder, name), '--json')
      const { error } = JSON.parse(stdout)
      expect([name, exitCode, error.code]).toEqual([name, 2, code])
    }
  })

  it('writes a report from a folder alone, and fails with 1 where there is none', async () => {
    const study = join(folder, 'study')
    await writeSampleStudy(study)
    const { exitCode, stdout } = await phalanx('report', study, '--json')
    expect(exitCode).toBe(0)
    expect(await readFile(JSON.parse(stdout).html, 'utf8')).toContain(JSON.parse(stdout).headline.asked.slice(0, 20))
    expect((await phalanx('report', join(folder, 'nothing'))).exitCode).toBe(1)
  })

  it('looks at the surroundings and gives a remedy for every problem', async () => {
    const { stdout, exitCode } = await phalanx('doctor', '--json')
    const { healthy, checks } = JSON.parse(stdout) as {
      healthy: boolean
      checks: { name: string; status: string; remedy: string | null }[]
    }
    expect(checks.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['node', 'cache folder', 'free disk', 'browser']),
    )
    expect(healthy).toBe(checks.every(({ status }) => status !== 'problem'))
    expect(exitCode).toBe(healthy ? 0 : 1)
    for (const { status, remedy } of checks) expect(remedy === null).toBe(status === 'ok')
  })
})
