import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { atomicWrite } from '../util/atomic-write.ts'

/** Says in a run folder whose training it holds. */
const owner = z.strictObject({
  /** Content id of everything that decides the result. */
  config: z.string(),
  /** Of the checkout. */
  revision: z.string(),
  /** Known when the training is finished. */
  device: z.string().default(''),
  versions: z.record(z.string(), z.string()).default({}),
})
const ownerFile = 'kohya.json'

/** What a finished training ran on. */
export type Provenance = Pick<z.output<typeof owner>, 'revision' | 'device' | 'versions'>

/** Marks a run folder. Throws ArtefactError (`config-changed`) when it holds another training. */
export async function claimFolder(folder: string, claimed: z.input<typeof owner>): Promise<void> {
  const known = await readOwner(folder)
  if (known?.config === claimed.config && known.revision === claimed.revision) return
  const series = await readFile(join(folder, 'series.jsonl'), 'utf8').catch(() => null)
  if (known !== null || series !== null) {
    throw new ArtefactError({
      code: 'config-changed',
      message: `${folder} holds a training with another engine, revision of sd-scripts, settings, base or dataset. Train into a new folder.`,
      facts: { folder },
    })
  }
  await atomicWrite(join(folder, ownerFile), JSON.stringify(claimed))
}

/** Adds what a training ran on to the mark of its folder. */
export async function completeFolder(folder: string, ran: Omit<Provenance, 'revision'>): Promise<void> {
  await atomicWrite(join(folder, ownerFile), JSON.stringify({ ...(await readOwner(folder)), ...ran }))
}

/** What a finished training in a folder ran on. Throws ArtefactError (`run-unfinished`). */
export async function readProvenance(folder: string): Promise<Provenance> {
  const found = await readOwner(folder)
  if (found !== null) return found
  throw new ArtefactError({
    code: 'run-unfinished',
    message: `${folder} holds no training by sd-scripts. Train again.`,
    facts: { folder },
  })
}

async function readOwner(folder: string): Promise<z.output<typeof owner> | null> {
  const text = await readFile(join(folder, ownerFile), 'utf8').catch(() => null)
  if (text === null) return null
  try {
    return owner.parse(JSON.parse(text))
  } catch (cause) {
    throw new ArtefactError({
      code: 'config-changed',
      message: `${join(folder, ownerFile)} is broken. Train into a new folder.`,
      facts: { folder },
      cause,
    })
  }
}
