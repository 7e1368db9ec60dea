import { ArtefactError } from '../errors/index.ts'
import type { ModelId } from './model-id.ts'

/** What an answer that is no success says, as an error with a remedy. */
export function refusal({ id, revision }: ModelId, status: number): ArtefactError {
  const facts = { id, revision, status }
  if (status === 401 || status === 403) {
    return new ArtefactError({
      code: 'hub-refused',
      message: `The hub gives ${id} only to those who may have it, or it does not exist. Accept its terms on its page, and put an access token into HF_TOKEN; or check the spelling.`,
      facts,
    })
  }
  if (status === 404) {
    return new ArtefactError({
      code: 'hub-not-found',
      message: `The hub has no model ${id} with a revision ${revision}. Check both, or name a folder with the model.`,
      facts,
    })
  }
  return new ArtefactError({
    code: 'hub-unreachable',
    message: `The hub answered ${status} for ${id}. Try again later: what was fetched is kept.`,
    facts,
  })
}

/** Nobody answers. */
export function unreachable({ id, revision }: ModelId, endpoint: string, cause: unknown): ArtefactError {
  return new ArtefactError({
    code: 'hub-unreachable',
    message: `${endpoint} does not answer, and ${id} at ${revision} is not in the cache. Check the network, the proxy or HF_ENDPOINT; or name a folder with the model. What was fetched is kept.`,
    facts: { id, revision, endpoint },
    cause,
  })
}
