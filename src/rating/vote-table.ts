import type { RatingRecord } from '../artefact/rating-record.ts'
import type { PlacedVote } from './counted-votes.ts'
import type { RatedImage, RatingProtocol } from './protocol.ts'

const columns = [
  'rater',
  'counted',
  'kind',
  'prompt',
  'seed',
  'left',
  'right',
  'broken',
  'vote',
  'milliseconds',
  'left file',
  'right file',
]

/** All votes as CSV (RFC 4180), one line each; the files name the cells. */
export function voteTable(votes: readonly PlacedVote[], protocol: RatingProtocol, { raters }: RatingRecord): string {
  const rows = votes.map(({ rater, kind, sides, broken, said, milliseconds }) => {
    const [left, right] = sides.map((image) => protocol.images[image]) as [RatedImage, RatedImage | undefined]
    const { counted } = raters.find((judged) => judged.rater === rater) ?? { counted: false }
    const prompt = protocol.prompts[left.prompt] ?? ''
    const shown = [left.arm, right?.arm ?? '', broken ?? '']
    return [
      rater,
      counted && kind === 'first',
      kind,
      prompt,
      left.seed,
      ...shown,
      said,
      milliseconds,
      left.file,
      right?.file ?? '',
    ]
  })
  return [columns, ...rows].map((row) => `${row.map((field) => quote(String(field))).join(',')}\r\n`).join('')
}

function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field
}
