/**
 * Defines `Symbol.dispose` and `Symbol.asyncDispose` where they are missing. Node has them, but only in its main realm:
 * Jest runs tests in others.
 */
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (Symbol[name] === undefined) Object.defineProperty(Symbol, name, { value: Symbol(`Symbol.${name}`) })
}
