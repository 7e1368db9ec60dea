import { canonicalJson } from '../util/canonical-json.ts'
import type { SetItem } from './manifest.ts'

/** Whether a licence forbids derived works, which a trained model may be. */
export function forbidsDerivatives({ licence }: Pick<SetItem, 'licence'>): boolean {
  return /(?:^|[^a-z])nd(?:[^a-z]|$)|no[ -]?deriv/i.test(licence)
}

/** `LICENSES.md`: each licence with how many images have it. */
export function licencesText(items: readonly SetItem[]): string {
  const groups = new Map<string, { count: number; url: string | null }>()
  for (const { licence, licenceUrl } of items) {
    const { count, url } = groups.get(licence) ?? { count: 0, url: null }
    groups.set(licence, { count: count + 1, url: url ?? licenceUrl })
  }
  const rows = [...groups].toSorted(
    ([a, { count: first }], [b, { count: second }]) => second - first || (a < b ? -1 : 1),
  )
  return [
    '# Licences',
    '',
    'The images belong to their creators; `attribution.jsonl` names them one by one. `unknown` says that the source gave no',
    'licence, which is no permission.',
    '',
    '| licence | images | terms |',
    '|---|---:|---|',
    ...rows.map(([licence, { count, url }]) => `| ${cell(licence)} | ${count} | ${url === null ? '' : cell(url)} |`),
    '',
  ].join('\n')
}

/** `attribution.jsonl`: creator, licence, page and the sentence that the source asks for, of each image. */
export function attributionText(items: readonly SetItem[]): string {
  return items
    .map(({ file, creator, licence, licenceUrl, page, url, attribution }) =>
      canonicalJson({ file, creator, licence, licenceUrl, page, url, attribution }),
    )
    .map((line) => `${line}\n`)
    .join('')
}

/** What sources say must not end a cell or become markup. */
function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>[\]`*_]/g, '\\$&')
}
