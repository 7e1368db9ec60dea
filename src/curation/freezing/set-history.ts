import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { atomicWrite } from '../../util/atomic-write.ts'
import { canonicalJson } from '../../util/canonical-json.ts'

const line = z.object({ sha256: z.string(), frozen: z.string() })
type HistoryLine = z.output<typeof line>

const compared = z.object({
  items: z.array(
    z.object({ blob: z.string(), file: z.string(), url: z.string(), caption: z.string(), licence: z.string() }),
  ),
})
/** A set that was frozen before, as far as others are compared with it. */
export interface EarlierSet {
  readonly sha256: string
  readonly items: z.output<typeof compared>['items']
}

/**
 * Which sets were frozen from one set in the making, one after another, in `frozen/history.jsonl`. It lies beside the
 * sets, as what a set is called must not depend on what was there before it.
 */
export class SetHistory {
  readonly #folder: string
  readonly #lines: HistoryLine[]

  /** Made by `readHistory`. */
  constructor(folder: string, lines: readonly HistoryLine[]) {
    this.#folder = folder
    this.#lines = [...lines]
  }

  /** The last set of another content that is still there; null without one. */
  async before(sha256: string): Promise<EarlierSet | null> {
    for (const { sha256: earlier } of this.#lines.toReversed()) {
      if (earlier === sha256) continue
      const text = await readFile(join(this.#folder, earlier, 'manifest.json'), 'utf8').catch(() => null)
      const manifest = compared.safeParse(parsed(text))
      if (manifest.success) return { sha256: earlier, items: manifest.data.items }
    }
    return null
  }

  /** Writes down that a set was frozen, unless it was the last one anyway. */
  async add(sha256: string): Promise<void> {
    if (this.#lines.at(-1)?.sha256 === sha256) return
    this.#lines.push({ sha256, frozen: new Date().toISOString() })
    const text = this.#lines.map((one) => `${canonicalJson(one)}\n`).join('')
    await atomicWrite(join(this.#folder, historyFile), text)
  }
}

const historyFile = 'history.jsonl'

/** Reads what was frozen into a folder; lines that are none are left out. */
export async function readHistory(folder: string): Promise<SetHistory> {
  const text = await readFile(join(folder, historyFile), 'utf8').catch(() => '')
  const lines = text.split('\n').flatMap((one) => line.safeParse(parsed(one)).data ?? [])
  return new SetHistory(folder, lines)
}

/** Whether a set lies in a folder whole. */
export async function isFrozen(folder: string): Promise<boolean> {
  return (await stat(folder).catch(() => null)) !== null
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return null
  }
}
