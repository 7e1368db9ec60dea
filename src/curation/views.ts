import { paperViews, type ViewSettings } from '../config/freezing.ts'

/** What rules look at. */
export interface ViewedImage {
  readonly query: string
  /** As it was before a template worded it. */
  readonly plainCaption: string
}

/** A part of a set by a rule, in a metadata file of its own that is a dataset. */
export interface View {
  readonly name: string
  /** Beside the images. */
  readonly file: string
  /** What it holds, in words. */
  readonly rule: string
  holds(image: ViewedImage): boolean
}

/** The two views of the paper, and others. */
export function viewsOf(others: readonly ViewSettings[]): View[] {
  return [...paperViews, ...others].map((settings) => {
    const { name } = settings
    const [has, hasNot, asked] = [settings.with, settings.without, settings.query].map(finder)
    return {
      name,
      file: name === paperViews[0]?.name ? 'metadata.jsonl' : `${name}.jsonl`,
      rule: ruleInWords(settings),
      holds: ({ query, plainCaption }) => {
        const text = `${query}\n${plainCaption}`
        return has?.test(text) !== false && hasNot?.test(text) !== true && asked?.test(query) !== false
      },
    }
  })
}

function ruleInWords({ with: has, without, query }: ViewSettings): string {
  const rules = [
    ...(has === undefined ? [] : [`the query or the caption has ${choice(has)}`]),
    ...(without === undefined ? [] : [`neither the query nor the caption has ${choice(without)}`]),
    ...(query === undefined ? [] : [`the query has ${choice(query)}`]),
  ]
  return rules.length === 0 ? 'every image' : rules.join(', and ')
}

function choice(words: readonly string[]): string {
  const quoted = words.map((word) => JSON.stringify(word))
  return quoted.length === 1 ? `${quoted[0]}` : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}

/** Finds any of some words that stand whole, whatever their case and the white space in them. */
function finder(words: readonly string[] | undefined): RegExp | undefined {
  if (words === undefined) return undefined
  const patterns = words.map((word) => word.split(/\s+/u).map(escaped).join('\\s+'))
  return new RegExp(`(?<![\\p{L}\\p{N}_])(?:${patterns.join('|')})(?![\\p{L}\\p{N}_])`, 'iu')
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
