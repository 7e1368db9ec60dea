import { expect, test } from 'vitest'
import { parseSettings } from '../../src/cli/settings.ts'
import { captionTemplates } from '../../src/config/caption-templates.ts'
import { resolve } from '../../src/config/resolve.ts'
import { technique, textualInversion } from '../../src/config/technique.ts'

const resolved = (input: unknown) => resolve(technique, input, 'technique')

test('one token is written with its own fields, several as a list, and both become a list', () => {
  const plain = { placeholder: '<hand>', initialWord: 'hand', vectors: 1 }
  expect(resolved(textualInversion())).toEqual({
    type: 'textual-inversion',
    tokens: [plain],
    templates: captionTemplates.object,
    norm: 'none',
  })
  const one = textualInversion({ placeholder: '<palm>', initialWord: null, norm: 'initial' })
  expect(resolved(one)).toMatchObject({
    tokens: [{ ...plain, placeholder: '<palm>', initialWord: null }],
    norm: 'initial',
  })
  const two = textualInversion({ tokens: [{ placeholder: '<palm>', vectors: 2 }, { placeholder: '<fist>' }] })
  expect(resolved(two)).toMatchObject({
    tokens: [
      { ...plain, placeholder: '<palm>', vectors: 2 },
      { ...plain, placeholder: '<fist>' },
    ],
  })
})

test('the one token is set from the command line by its path', () => {
  const given = ['type=textual-inversion', 'tokens.placeholder=<palm>', 'tokens.vectors=3', 'templates=style']
  expect(resolved(parseSettings(given))).toMatchObject({
    tokens: [{ placeholder: '<palm>', initialWord: 'hand', vectors: 3 }],
    templates: captionTemplates.style,
  })
})

test('what was filled in is filled in to the same again', () => {
  const once = resolved(textualInversion({ placeholder: '<palm>', templates: 'hands' }))
  expect(resolved(once)).toEqual(once)
})

test.each(['object', 'style', 'hands'] as const)(
  'the templates %s all have a place for the token, once each',
  (name) => {
    const { templates } = resolved(textualInversion({ templates: name })) as { templates: string[] }
    expect(templates).toEqual([...captionTemplates[name]])
    expect(templates.every((template) => template.split('{}').length === 2)).toBe(true)
  },
)

test.each([
  [{ templates: 'obect' }, 'templates: must be one of "object", "style", "hands", not "obect". Did you mean "object"?'],
  [{ templates: ['a photo'] }, 'templates[0]'],
  [{ tokens: { placeholdr: '<a>' } }, 'tokens: there is no "placeholdr" here. Did you mean "placeholder"?'],
  [{ tokens: [{ vectors: 0 }] }, 'tokens[0].vectors: must be at least 1, not 0.'],
  [{ tokens: [] }, 'tokens: '],
  [{ tokens: {}, placeholder: '<a>' }, 'there is no "placeholder" here.'],
  [{ norm: 'unit' }, 'norm: must be one of "none", "initial", "vocabulary"'],
])('%j is told as %j', (fields, told) => {
  expect(() => resolved({ type: 'textual-inversion', ...fields })).toThrow(told)
})
