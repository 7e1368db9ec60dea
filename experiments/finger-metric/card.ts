import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Finding } from './evaluate.ts'

/** What the classifier was asked and how well it answered, `card.json` beside its weights. */
export interface ClassifierCard {
  /** The sentence that reports show beside what the classifier says. */
  readonly validity: string
  readonly file: { readonly sha256: string; readonly bytes: number; readonly parameters: number }
  readonly training: Readonly<Record<string, unknown>>
  /** By what the pictures are. */
  readonly sets: Readonly<Record<string, readonly Finding[]>>
}

/** Name of the set that validate.ts adds. */
export const labelledSamples = 'samples of tiny-hands labelled by hand'

const limits =
  'No photograph of a malformed hand was ever seen: trust the defect probability on what looks like a photograph less than the count. Counts on photographs hold for 0 to 5 fingers.'

/** Writes the card with the sentence that its findings make. */
export async function writeCard(folder: string, card: Omit<ClassifierCard, 'validity'>): Promise<void> {
  const whole: ClassifierCard = { ...card, validity: describeValidity(card.sets) }
  await writeFile(path.join(folder, 'card.json'), `${JSON.stringify(whole, null, 2)}\n`)
}

/** Reads the card beside a classifier. */
export async function readCard(folder: string): Promise<ClassifierCard> {
  return JSON.parse(await readFile(path.join(folder, 'card.json'), 'utf8')) as ClassifierCard
}

/** A table per set in the terminal. */
export function printFindings(sets: ClassifierCard['sets']): void {
  for (const [name, findings] of Object.entries(sets)) {
    console.log(`\n${name}`)
    console.table(
      findings.map((finding) => ({
        ...finding,
        value: finding.value.toFixed(3),
        low: finding.low.toFixed(3),
        high: finding.high.toFixed(3),
      })),
    )
  }
}

function describeValidity(sets: ClassifierCard['sets']): string {
  const parts = Object.entries(sets).map(([name, findings]) => {
    const values = findings.map(
      ({ question, value, low, high }) => `${question} ${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`,
    )
    return `On ${name}: ${values.join('; ')}.`
  })
  const missing = labelledSamples in sets ? [] : [`Not yet compared with ${labelledSamples}.`]
  return [...parts, limits, ...missing].join(' ')
}
