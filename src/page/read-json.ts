import type { Context } from 'hono'
import { ConfigError } from '../errors/index.ts'

/** What a page sent. Throws ConfigError (`not-json`). */
export async function readJson({ req }: Context): Promise<unknown> {
  try {
    return await req.json()
  } catch (cause) {
    throw new ConfigError({ code: 'not-json', message: 'Send one JSON object.', cause })
  }
}
