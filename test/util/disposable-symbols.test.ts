import { readFileSync } from 'node:fs'
import { createContext, runInContext } from 'node:vm'
import ts from 'typescript'
import { expect, test } from 'vitest'

const source = readFileSync(new URL('../../src/util/disposable-symbols.ts', import.meta.url), 'utf8')

test('a realm without the symbols of disposal gets them, and keeps those it has', () => {
  const { outputText } = ts.transpileModule(source, { compilerOptions: { target: ts.ScriptTarget.ES2022 } })
  // As Jest's: Node adds the symbols to its main realm only.
  const realm = createContext({})
  expect(runInContext('typeof Symbol.dispose', realm)).toBe('undefined')
  runInContext(outputText, realm)
  const symbols = runInContext('[Symbol.dispose, Symbol.asyncDispose]', realm) as symbol[]
  expect(symbols.map(String)).toEqual(['Symbol(Symbol.dispose)', 'Symbol(Symbol.asyncDispose)'])
  runInContext(outputText, realm)
  expect(runInContext('[Symbol.dispose, Symbol.asyncDispose]', realm)).toEqual(symbols)
})
