/** What a place says that forbids keeping an image for training. */
const refusing = new Set(['noai', 'noimageai', 'noindex', 'noimageindex', 'none'])
/** Directives that have a value behind a colon, which is no name of a robot before it. */
const valued = new Set(['unavailable_after', 'max-snippet', 'max-image-preview', 'max-video-preview'])

/**
 * The directive of `X-Robots-Tag` headers that refuses, or null. `noai` and `noimageai` refuse training, `noindex`,
 * `noimageindex` and `none` any collecting; a rule that begins with the name of a robot holds for that one until the next
 * name (https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag).
 *
 * @param headers each header as it came, several rules in one parted by commas
 * @param robot own name, in lower case
 * @param directives those that count
 */
export function refusingTag(
  headers: readonly string[],
  robot: string,
  directives: ReadonlySet<string> = refusing,
): string | null {
  for (const header of headers) {
    let concerns = true
    for (const part of header.toLowerCase().split(',')) {
      const [, name, rest] = /^\s*([\w-]+|\*)\s*:(.*)$/s.exec(part) ?? []
      const isName = name !== undefined && !valued.has(name)
      if (isName) concerns = name === robot || name === '*'
      const directive = (isName ? (rest ?? '') : part).trim()
      if (concerns && directives.has(directive)) return directive
    }
  }
  return null
}

/** Whether a `TDM-Reservation` header reserves text and data mining (https://www.w3.org/community/reports/tdmrep/). */
export function reservesMining(headers: readonly string[]): boolean {
  return headers.some((header) => header.trim() === '1')
}
