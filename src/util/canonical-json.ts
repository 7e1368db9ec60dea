/**
 * JSON with sorted keys and no white space, so that equal values give equal text. Fields that are undefined are left
 * out. Throws TypeError for what JSON cannot hold exactly: NaN, Infinity, functions, big integers, undefined in a list,
 * lone surrogates, and objects that are neither plain nor lists.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return canonicalText(value)
  if (value === null || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${Array.from(value, canonicalJson).join(',')}]`
  if (typeof value === 'object' && isPlain(value)) {
    const entries = Object.entries(value).filter(([, field]) => field !== undefined)
    entries.sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, field]) => `${canonicalText(key)}:${canonicalJson(field)}`).join(',')}}`
  }
  throw new TypeError(`canonical JSON cannot hold ${String(value)}`)
}

function canonicalText(text: string): string {
  // Half a character has no UTF-8, so two different texts would get the same bytes.
  if (!text.isWellFormed())
    throw new TypeError(`canonical JSON cannot hold the lone surrogate in ${JSON.stringify(text)}`)
  return JSON.stringify(text)
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
