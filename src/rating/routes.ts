import { Hono } from 'hono'
import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { readJson } from '../page/read-json.ts'
import { ratingPage, ratingPolicy } from './page.ts'
import type { RatingSession } from './rating-session.ts'
import { outcome } from './vote-log.ts'

const rater = z.string().max(100)
const voteRequest = z.strictObject({
  rater,
  position: z.int().min(0),
  outcome,
  milliseconds: z.number().min(0).max(1e9),
})
const undoRequest = z.strictObject({ rater, position: z.int().min(0) })

/** The page of a rating and what it asks for. */
export function ratingRoutes(session: RatingSession): Hono {
  const app = new Hono()
  app.get('/', (context) => {
    context.header('content-security-policy', ratingPolicy)
    return context.html(ratingPage)
  })
  app.get('/raters/:rater', async (context) => context.json(await session.view(context.req.param('rater'))))
  app.post('/votes', async (context) => {
    const { rater, ...vote } = resolve(voteRequest, await readJson(context), 'vote')
    return context.json(await session.vote(rater, vote))
  })
  app.post('/undo', async (context) => {
    const { rater, position } = resolve(undoRequest, await readJson(context), 'undo')
    return context.json(await session.undo(rater, position))
  })
  app.get('/images/:name', async (context) => {
    const pixels = await session.image(context.req.param('name'))
    if (pixels === null) return context.notFound()
    return context.body(new Uint8Array(pixels), 200, { 'content-type': 'image/png' })
  })
  return app
}
