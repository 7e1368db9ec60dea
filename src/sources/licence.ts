const creativeCommons = /^https?:\/\/(?:www\.)?creativecommons\.org\/(licenses|publicdomain)\/([a-z-]+)\/(\d\.\d)/i

/** Name of the Creative Commons licence or mark at an address, as `cc by-sa 4.0`; null for other addresses. */
export function licenceAt(address: string): string | null {
  const [, kind, name = '', version] = creativeCommons.exec(address) ?? []
  if (kind === undefined) return null
  if (kind.toLowerCase() === 'licenses') return `cc ${name.toLowerCase()} ${version}`
  if (name === 'zero') return `cc0 ${version}`
  return name === 'mark' ? `public domain mark ${version}` : null
}
