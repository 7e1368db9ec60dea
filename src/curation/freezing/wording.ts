import type { CaptionWording } from '../../config/freezing.ts'

/** A caption as a frozen set has it: the template filled in, between prefix and suffix, on one line. */
export function wordCaption(caption: string, query: string, { template, prefix, suffix }: CaptionWording): string {
  const values: Readonly<Record<string, string>> = { '{caption}': oneLine(caption), '{query}': oneLine(query) }
  const filled = template
    .split(/(\{(?:caption|query)\})/)
    .map((part) => values[part] ?? part)
    .join('')
  const isGap = Object.entries(values).some(([place, value]) => value === '' && template.includes(place))
  return oneLine([prefix, isGap ? withoutGaps(filled) : filled, suffix].join(' '))
}

/** Captions are read by people in terminals and by programs line by line. */
export function oneLine(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll(/ {2,}/g, ' ')
    .trim()
}

/** Where nothing was filled in, no commas are left that would have joined it. */
function withoutGaps(text: string): string {
  return text
    .split(',')
    .filter((part) => part.trim() !== '')
    .join(',')
}
