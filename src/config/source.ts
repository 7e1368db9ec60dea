import { z } from 'zod'

const path = z.string().min(1)

function webSource<Type extends string>(type: Type, address: string, perMinute: number) {
  return z.strictObject({
    type: z.literal(type),
    /** Where the source is asked; the path of its interface follows. */
    address: z
      .url({ protocol: /^https?$/, error: 'must be an address that starts with http:// or https://' })
      .default(address),
    /** Most questions in a minute. */
    perMinute: z.number().positive().max(60_000).default(perMinute),
  })
}

/** Where images are looked for. Keys are no settings: they come from the environment. */
export const source = z.discriminatedUnion('type', [
  /** A list of addresses in a CSV, JSONL or Parquet file. */
  z.strictObject({ type: z.literal('list'), file: path }),
  /** A folder of images on this machine. */
  z.strictObject({ type: z.literal('folder'), folder: path }),
  webSource('openverse', 'https://api.openverse.org', 20),
  webSource('commons', 'https://commons.wikimedia.org', 60).extend({
    /** Mail or web address of whoever asks, which Wikimedia wants to see with every question. */
    contact: z.string().min(3).max(200),
  }),
  webSource('brave', 'https://api.search.brave.com', 60),
  webSource('flickr', 'https://api.flickr.com', 60),
  /** Google's Custom Search: closed to new customers, and ends on 2027-01-01. */
  webSource('google', 'https://customsearch.googleapis.com', 60),
])
export type SourceInput = z.input<typeof source>
export type SourceSettings = z.output<typeof source>
export type SettingsOf<Type extends SourceSettings['type']> = Extract<SourceSettings, { type: Type }>
