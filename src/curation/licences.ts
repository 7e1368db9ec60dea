import type { Attribution } from '../dataset/index.ts'
import type { SetItem } from './manifest.ts'

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

/** Creator, licence, page and the sentence that the source asks for, of each image. */
export function attributionsOf(items: readonly SetItem[]): Attribution[] {
  return items.map(({ file, creator, licence, licenceUrl, page, url, attribution }) => {
    return { file, creator, licence, licenceUrl, page, url, attribution }
  })
}

/** What sources say must not end a cell or become markup. */
function cell(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/[\\|<>[\]`*_]/g, '\\$&')
}
