import { join } from 'node:path'
import { ratingsOf } from '../artefact/rating-record.ts'
import type { RatingInput } from '../config/rating.ts'
import { ArtefactError, ConfigError } from '../errors/index.ts'
import { type LocalServer, openLocalServer, requireAddress } from '../page/local-server.ts'
import { takeLock } from '../util/file-lock.ts'
import { openRatingPlace, type RatingPlace, ratingFiles } from './rating-folder.ts'
import { RatingSession } from './rating-session.ts'
import { ratingRoutes } from './routes.ts'

export interface OpenRatingOptions {
  /** Folder of the study whose images are rated. */
  readonly study: string
  /** Several ratings of a study have different names. */
  readonly name: string
  readonly settings: RatingInput
  /** Address of this machine to serve on, `127.0.0.1` for this machine alone. */
  readonly host: string
  /** 0 takes one that is free. */
  readonly port: number
}

/** A rating that is served. */
export interface OpenRating extends AsyncDisposable {
  readonly place: RatingPlace
  /** For raters. */
  readonly link: string
}

const ratingName = /^[a-z0-9][a-z0-9-]{0,59}$/

/**
 * Serves a blind rating of a study's images until it is closed. Throws ConfigError for a name that will not do
 * (`invalid-rating-name`) and what {@link openRatingPlace} and {@link openLocalServer} refuse, and ArtefactError while
 * another process serves it (`rating-in-use`).
 */
export async function openRating(options: OpenRatingOptions): Promise<OpenRating> {
  requireName(options.name)
  requireAddress(options.host)
  const place = await openRatingPlace(options.study, options.name, options.settings)
  const session = new RatingSession(place, await lockRating(place))
  let server: LocalServer
  try {
    server = await openLocalServer({ routes: ratingRoutes(session), host: options.host, port: options.port })
  } catch (error) {
    await session.close()
    throw error
  }
  const close = async (): Promise<void> => {
    await server.close()
    await session.close()
  }
  return { place, link: server.link, [Symbol.asyncDispose]: close }
}

/** Takes the rating for this process. Throws ArtefactError (`rating-in-use`). */
export async function lockRating({ folder }: RatingPlace) {
  const lock = await takeLock(join(folder, ratingFiles.lock))
  if ('release' in lock) return lock
  throw new ArtefactError({
    code: 'rating-in-use',
    message: `Process ${lock.pid} on ${lock.host} serves this rating. Use its page, or stop it first.`,
    facts: { folder, pid: lock.pid, host: lock.host },
  })
}

function requireName(name: string): void {
  if (ratingName.test(name)) return
  throw new ConfigError({
    code: 'invalid-rating-name',
    message: `"${name}" cannot name a rating: letters a to z, digits and hyphens, up to 60, for a folder of ${ratingsOf('<study>')}.`,
    facts: { name },
  })
}
