import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatasetProblem } from './problem.ts'

/** Longest caption in characters. */
export const longestCaption = 8192
/** No UTF-8 character takes more than 4 bytes; room for white space at the end. */
const largestFile = longestCaption * 4 + 1024

/** The caption in a text file without the white space around it, or what is wrong with it. */
export async function readCaptionFile(root: string, file: string): Promise<string | DatasetProblem> {
  try {
    await using text = await open(join(root, file))
    const { size } = await text.stat()
    if (size > largestFile) return tooLong(file, `${size} bytes`)
    return checkedCaption(file, new TextDecoder('utf-8', { fatal: true }).decode(await text.readFile()).trim())
  } catch (error) {
    if (error instanceof TypeError)
      return { file, code: 'caption-not-utf8', message: 'is not valid UTF-8; save it as UTF-8' }
    return { file, code: 'unreadable-file', message: `cannot be read (${(error as Error).message}); make it readable` }
  }
}

/** The caption, or what is wrong with it. */
export function checkedCaption(file: string, caption: string): string | DatasetProblem {
  if (caption.length > longestCaption) return tooLong(file, `${caption.length} characters`)
  if (/\p{Surrogate}/u.test(caption)) {
    return {
      file,
      code: 'caption-not-utf8',
      message: 'has a caption with half a character (a lone surrogate); remove it',
    }
  }
  return caption
}

function tooLong(file: string, length: string): DatasetProblem {
  return {
    file,
    code: 'caption-too-long',
    message: `has a caption of ${length}; at most ${longestCaption} characters are read, and about 77 words have an effect`,
  }
}
