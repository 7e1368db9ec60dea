import { access, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { program } from './program.ts'
import { typed } from './typed.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-completion-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** The script for a shell; null, said, on a machine without it. */
async function scriptFor(shell: string): Promise<string | null> {
  const places = (process.env.PATH ?? '').split(delimiter).map((place) => access(join(place, shell)))
  const found = await Promise.any(places).then(
    () => true,
    () => false,
  )
  if (!found) {
    console.log(`skipped: this machine has no ${shell}`)
    return null
  }
  const { stdout } = await execa(process.execPath, [...program, 'completion', shell], { cwd: packageRoot() })
  const file = join(folder, `completion.${shell}`)
  await writeFile(file, `${stdout}\n`)
  return file
}

test('bash completes commands and their options', async ({ skip }) => {
  const script = (await scriptFor('bash')) ?? skip()
  const completed = async (...words: string[]): Promise<string[]> => {
    const line = `source ${script}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _phalanx; printf '%s\\n' "\${COMPREPLY[@]}"`
    return (await execa('bash', ['--norc', '-c', line])).stdout.split('\n')
  }
  expect(await completed('phalanx', 'ex')).toEqual(['explain', 'extract', 'export'])
  expect(await completed('phalanx', 'explain', '--ba')).toEqual(['--base'])
  // Nothing of ours: bash completes the name of a file.
  expect(await completed('phalanx', 'train', './im')).toEqual([''])
})

test('fish completes commands and their options', async ({ skip }) => {
  const script = (await scriptFor('fish')) ?? skip()
  const completed = async (line: string): Promise<string[]> => {
    const { stdout } = await execa('fish', ['--no-config', '-c', `source ${script}; complete -C '${line}'`])
    return stdout.split('\n').map((found) => found.split('\t')[0] as string)
  }
  expect(await completed('phalanx ex')).toEqual(['explain', 'export', 'extract'])
  expect(await completed('phalanx explain --ba')).toEqual(['--base'])
})

test('zsh completes commands and their options', async ({ skip }) => {
  const script = (await scriptFor('zsh')) ?? skip()
  const session = typed(['zsh', '-f', '-i'], { TERM: 'xterm', HOME: folder })
  await session.type(/[%#] $/, "unsetopt prompt_sp; PS1='ready> '; autoload -Uz compinit; compinit -u -D\n")
  await session.type(/ready> $/, `source ${script}; echo sourced\n`)
  await session.type(/sourced\s+ready> $/, 'phalanx expl\t')
  await session.type(/explain/, '--bas\t')
  await session.type(/--base/, 'x --js\t')
  await session.type(/--json/, '')
  session.end()
  await session.ended
})

test('a shell that is not known is refused with those that are', async () => {
  const { exitCode, stderr } = await execa(process.execPath, [...program, 'completion', 'tcsh'], {
    cwd: packageRoot(),
    reject: false,
  })
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('bash, zsh, fish')])
})
