import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Arguments, Command } from '../../src/cli/command.ts'
import { parseRuns } from '../../src/cli/option-values.ts'
import { parseArguments } from '../../src/cli/parse-arguments.ts'
import { parseSettings, readSettings } from '../../src/cli/settings.ts'
import { ConfigError } from '../../src/errors/index.ts'

const command: Command = {
  name: 'paint',
  summary: 'paint a wall',
  positionals: ['<wall>'],
  options: {
    colour: { value: '<name>', text: '' },
    coat: { value: '<name>', multiple: true, text: '' },
    dry: { text: '' },
  },
  example: '',
  run: async () => 0,
}

describe('parseArguments', () => {
  it('takes words, texts, lists and switches apart', () => {
    expect(parseArguments(command, ['north', '--colour', 'red', '--coat=a', '--coat', 'b', '--dry', '--json'])).toEqual(
      {
        positionals: ['north'],
        options: { colour: 'red', coat: ['a', 'b'], dry: true, json: true },
      },
    )
  })

  it.each([
    [['north', '--color', 'red'], 'unknown-option', 'Did you mean --colour?'],
    [['north', '-x'], 'unknown-option', 'phalanx paint --help'],
    [['north', '--colour'], 'option-value-missing', '--colour <name>'],
    [['north', '--dry=no'], 'option-value-unexpected', '"=no"'],
    [['north', '--colour', 'a', '--colour', 'b'], 'repeated-option', 'twice'],
    [[], 'wrong-arguments', '<wall> is missing'],
    [['north', 'south'], 'wrong-arguments', '"south" is too much'],
  ])('refuses %j with %s', (words, code, text) => {
    const error = thrownBy(() => parseArguments(command, words))
    expect(error.code).toBe(code)
    expect(error.message).toContain(text)
  })

  it('asks for nothing more when help is wanted', () => {
    expect(parseArguments(command, ['--help']).options.help).toBe(true)
  })
})

describe('parseRuns', () => {
  it('reads what any list of runs is written as', () => {
    const run = fc.tuple(fc.nat(1e6), fc.nat(20)).map(([from, length]) => [from, from + length] as const)
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 8 }), (runs) => {
        const text = runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
        const wanted = new Set(runs.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)))
        expect(new Set(parseRuns('seeds', text))).toEqual(wanted)
      }),
    )
  })

  it.each(['', '3-1', '1,', 'a', '-1', '1.5', '1-99999999', '9007199254740993'])('refuses %j', (text) => {
    expect(thrownBy(() => parseRuns('seeds', text)).code).toBe('not-a-list')
  })
})

describe('readSettings', () => {
  const read = async (content: string, options: Arguments['options'] = {}) => {
    const file = join(await mkdtemp(join(tmpdir(), 'phalanx-cli-')), 'settings.json')
    await writeFile(file, content)
    return readSettings({ positionals: [], options: { config: file, ...options } })
  }

  it('puts single settings over those of a file, and a LoRA where no technique is named', async () => {
    const file = '{ "technique": { "type": "full", "weights": "float16" }, "steps": 2 }'
    expect(await read(file, { set: ['steps=3', 'seed=4'] })).toEqual({ ...JSON.parse(file), steps: 3, seed: 4 })
    expect(await read(file, { technique: 'lora' })).toMatchObject({ technique: { type: 'lora' } })
    expect(await read('{}')).toEqual({ technique: { type: 'lora' } })
    expect(await readSettings({ positionals: [], options: {} })).toEqual({ technique: { type: 'lora' } })
  })

  it.each([
    ['[]', 'config-unreadable', 'no object'],
    ['{ "steps": 2', 'config-unreadable', 'settings.json'],
    ['{ "base": "sd-1.5" }', 'said-as-option', 'base'],
    ['{ "dataset": "palms" }', 'said-as-option', 'dataset'],
  ])('refuses %s with %s', async (content, code, text) => {
    await expect(read(content)).rejects.toMatchObject({
      name: 'ConfigError',
      code,
      message: expect.stringContaining(text),
    })
  })
})

describe('parseSettings', () => {
  it('makes an object of paths, reading values as JSON or else as text', () => {
    expect(
      parseSettings(['technique.type=lora', 'technique.rank=8', 'steps=4', 'flip=true', 'technique.parts=["unet"]']),
    ).toEqual({ technique: { type: 'lora', rank: 8, parts: ['unet'] }, steps: 4, flip: true })
  })

  it.each(['steps', '=4', 'a..b=1', '__proto__.polluted=1'])('refuses %j', (text) => {
    expect(thrownBy(() => parseSettings([text])).code).toBe('not-a-setting')
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })
})

function thrownBy(action: () => unknown): ConfigError {
  try {
    action()
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
