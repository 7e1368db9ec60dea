import type { Header } from 'tar-stream'
import { DatasetError } from '../../errors/index.ts'
import { supportedImages } from '../list-images.ts'

/** Largest file of an archive that is read, 256 MiB as for images of a folder. */
const largestMember = 256 * 2 ** 20
const longestName = 1024
const longestPart = 255

/** A file in an archive that is read: what comes before the first dot of its name, and what it is. */
export interface MemberName {
  readonly key: string
  readonly kind: 'image' | 'text' | 'labels' | 'control' | 'mask'
  /** With the dot. */
  readonly extension: string
}

/**
 * The name of a file in an archive, after its header was found harmless. Throws DatasetError (`unsafe-archive`) for
 * links, devices, sparse files, sizes beyond the limit, names that lead elsewhere, and names that came before.
 */
export function checkMember(path: string, header: Header, seen: Set<string>): string {
  const { name, type, size = 0, pax } = header
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name)
  const refuse = (what: string): never => {
    throw archiveError('unsafe-archive', path, `holds ${shown}, ${what}`)
  }
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse'))) refuse('a sparse file')
  if (type !== 'file' && type !== 'contiguous-file')
    refuse(type == null ? 'which is of an unknown kind' : `which is no file but a ${type}`)
  if (size > largestMember) refuse(`which says that it has ${size} bytes; at most ${largestMember} are read`)
  const plain = name.replace(/^(?:\.\/)+/, '')
  const parts = plain.split('/')
  if (/[\p{Cc}\\]/u.test(plain)) refuse('whose name has control characters or backslashes')
  if (parts.some((part) => part === '' || part === '.' || part === '..') || /^[A-Za-z]:/.test(plain))
    refuse('whose name leads out of the archive or is no plain name')
  if (plain.length > longestName || parts.some((part) => Buffer.byteLength(part) > longestPart))
    refuse('whose name is too long')
  if (seen.has(plain)) refuse('a second time')
  seen.add(plain)
  return plain
}

/** What a file is by its name, as WebDataset reads it: the key ends at the first dot after the last slash; else null. */
export function memberOf(name: string): MemberName | null {
  const [, key, types] = /^((?:.*\/)?[^/.][^/.]*)\.([^/]+)$/.exec(name) ?? []
  if (key === undefined || types === undefined) return null
  const [, picture, type = ''] = /^(?:(control|mask)\.)?([^.]+)$/i.exec(types.toLowerCase()) ?? []
  const extension = `.${type}`
  if (supportedImages.has(extension)) return { key, kind: (picture as 'control' | 'mask') ?? 'image', extension }
  if (picture !== undefined) return null
  if (type === 'txt') return { key, kind: 'text', extension }
  return type === 'json' ? { key, kind: 'labels', extension } : null
}

export function archiveError(
  code: 'broken-archive' | 'unsafe-archive',
  path: string,
  what: string,
  cause?: unknown,
): DatasetError {
  const help =
    code === 'broken-archive'
      ? 'Fetch or make it again.'
      : 'Do not use it unless you know who made it; pack its images anew.'
  return new DatasetError({ code, message: `${path} ${what}. ${help}`, facts: { path }, cause })
}
