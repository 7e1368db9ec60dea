import { z } from 'zod'

/** How images are gathered, fetched and looked at. */
export const curation = z.strictObject({
  /** Most candidates that a search of a query gives. */
  perQuery: z.int().min(1).max(1000).default(20),
  /** Shortest side of an image in pixels. */
  smallestSide: z.int().min(8).max(10_000).default(512),
  /** Largest file in bytes, 32 MiB. */
  largestFile: z
    .int()
    .min(1024)
    .max(256 * 2 ** 20)
    .default(32 * 2 ** 20),
  /** Files that are fetched at a time. */
  concurrency: z.int().min(1).max(256).default(16),
  /** Most requests to one host in a second; its robots.txt may ask for fewer. */
  perHostPerSecond: z.number().positive().max(10_000).default(2),
  /** Seconds for one file, redirects included. */
  deadline: z.number().positive().max(3600).default(60),
  /** Fetches of a file that fails for now before it is refused. */
  attempts: z.int().min(1).max(20).default(4),
  /** Seconds before the second fetch; four times as many before each further one. */
  retryPause: z.number().positive().max(86_400).default(5),
  /** Longest wait in seconds; who asks for more is left for another run. */
  longestWait: z.number().min(0).max(86_400).default(120),
  /**
   * Bits of 64 in which the perceptual hashes of two images differ at most for one of them to give way. Of 92 photographs
   * all 12 pairs within 6 bits were of one recording, within 8 all 22, within 10 38 of 40
   * (experiments/datasets/measure-duplicates.ts).
   */
  duplicateDistance: z.int().min(0).max(16).default(6),
  /**
   * Reads the page that shows an image, where its source names one: it may refuse what the image's own address does not, and
   * its `alt` is the caption of an image that has none or only a title.
   */
  sourcePages: z.boolean().default(true),
  /** Mail or web address for whoever wants to ask about the requests; null for none. */
  contact: z.string().min(3).max(200).nullable().default(null),
})
export type CurationInput = z.input<typeof curation>
export type CurationSettings = z.output<typeof curation>
