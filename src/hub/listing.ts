import { z } from 'zod'
import { ArtefactError } from '../errors/index.ts'
import { refusal, unreachable } from './hub-errors.ts'
import type { ModelId } from './model-id.ts'

/** A file of a model, with what tells that it arrived whole. */
export interface HubFile {
  readonly path: string
  readonly size: number
  /** Of the content; null for small files, which git names by `gitSha1`. */
  readonly sha256: string | null
  /** Of git's blob: the content behind a header. */
  readonly gitSha1: string
}

/** What a revision holds. */
export interface Listing {
  readonly commit: string
  readonly files: readonly HubFile[]
}

/** Where models are asked for. */
export interface Hub {
  /** HF_ENDPOINT, or the public hub. */
  readonly endpoint: string
  /** HF_TOKEN; never logged. */
  readonly token: string | null
}

const answer = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string().min(1),
      size: z.int().min(0),
      blobId: z.string(),
      lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }).nullish(),
    }),
  ),
})

/** The hub that the environment names. */
export function hubOfEnvironment(): Hub {
  const endpoint = (process.env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '')
  return { endpoint, token: process.env.HF_TOKEN || null }
}

/** What is sent with every question. */
export function headersOf({ token }: Hub): Record<string, string> {
  return { 'user-agent': 'phalanx', ...(token === null ? {} : { authorization: `Bearer ${token}` }) }
}

/**
 * Asks what a revision holds.
 * Throws ArtefactError (`hub-not-found`, `hub-refused`, `hub-unreachable`, `hub-answer`) or the signal's reason.
 */
export async function listModel(hub: Hub, model: ModelId, signal: AbortSignal): Promise<Listing> {
  const url = `${hub.endpoint}/api/models/${model.id}/revision/${encodeURIComponent(model.revision)}?blobs=true`
  let response: Response
  try {
    response = await fetch(url, { headers: headersOf(hub), signal })
  } catch (cause) {
    signal.throwIfAborted()
    throw unreachable(model, hub.endpoint, cause)
  }
  if (!response.ok) throw refusal(model, response.status)
  const parsed = answer.safeParse(await response.json().catch(() => null))
  if (!parsed.success || parsed.data.siblings.some(({ rfilename }) => !isInside(rfilename))) {
    throw new ArtefactError({
      code: 'hub-answer',
      message: `${hub.endpoint} gave an answer about ${model.id} that is no list of files. Check HF_ENDPOINT.`,
      facts: { endpoint: hub.endpoint, id: model.id },
    })
  }
  const { sha, siblings } = parsed.data
  return {
    commit: sha,
    files: siblings.map(({ rfilename, size, blobId, lfs }) => ({
      path: rfilename,
      size,
      sha256: lfs?.sha256 ?? null,
      gitSha1: blobId,
    })),
  }
}

/** Whether a path stays in the folder it is joined to. */
function isInside(path: string): boolean {
  return !path.startsWith('/') && !path.includes('\\') && !path.includes('\0') && !path.split('/').includes('..')
}
