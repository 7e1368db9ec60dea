import { type Context, Hono } from 'hono'
import { z } from 'zod'
import { resolve } from '../config/resolve.ts'
import { readJson } from '../page/read-json.ts'
import { reviewPage, reviewPolicy } from './page.ts'
import type { PictureStore } from './picture-store.ts'
import type { ReviewSession, Verdict } from './review-session.ts'

const id = z.int().min(1)
const line = z.int().min(0)
const viewer = {
  tab: z.string().regex(/^[0-9a-f]{32}$/),
  reviewer: z.string().trim().min(1).max(60),
}
const changesRequest = z.strictObject({ ...viewer, after: line, looking: id.nullable() })
const takeRequest = z.strictObject({ ...viewer, wanted: z.array(id).max(200) })
const lookRequest = z.strictObject({ ...viewer, candidate: id })
const decideRequest = z.strictObject({
  ...viewer,
  after: line,
  /** Revision of the candidate that the person looked at. */
  seen: line,
  decision: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.enum(['keep', 'drop', 'watermark', 'clip-art']), candidate: id }),
    z.strictObject({ kind: z.enum(['duplicate', 'not-duplicate']), candidate: id, other: id }),
    z.strictObject({ kind: z.literal('caption'), candidate: id, text: z.string().max(8192) }),
  ]),
})
const undoRequest = z.strictObject({ ...viewer, after: line })
const releaseRequest = z.strictObject({ tab: viewer.tab })

/** A name that stands for the bytes that it was made from, so it never changes. */
const immutable = 'private, max-age=31536000, immutable'

/** What the routes of a review serve. */
export interface ReviewPlace {
  readonly session: ReviewSession
  readonly pictures: PictureStore
  /** Name of the set, for people. */
  readonly title: string
  /** Name that the page suggests to who opens it; null for none. */
  readonly reviewer: string | null
}

/** The page of a review and what it asks for. */
export function reviewRoutes({ session, pictures, title, reviewer }: ReviewPlace): Hono {
  const app = new Hono()
  app.get('/', (context) => {
    context.header('content-security-policy', reviewPolicy)
    return context.html(reviewPage({ title, reviewer }))
  })
  answers('/changes', changesRequest, ({ after, looking, ...who }) => session.changes(who, after, looking))
  answers('/take', takeRequest, ({ wanted, ...who }) => ({ view: session.take(who, wanted) }))
  answers('/look', lookRequest, ({ candidate, ...who }) => ({ view: session.look(who, candidate) }))
  answers('/decisions', decideRequest, ({ after, seen, decision, ...who }) =>
    session.decide(who, decision as Verdict, seen, after),
  )
  answers('/undo', undoRequest, ({ after, ...who }) => session.undo(who, after))
  answers('/release', releaseRequest, (tab) => {
    session.release(tab)
    return {}
  })
  app.get('/thumbnails/:blob', (context) => jpeg(context, (blob) => pictures.thumbnail(blob)))
  app.get('/pictures/:blob', (context) => jpeg(context, (blob) => pictures.picture(blob)))
  return app

  function answers<Request extends z.ZodType>(
    path: string,
    request: Request,
    answer: (asked: z.output<Request>) => object,
  ): void {
    app.post(path, async (context) => context.json(answer(resolve(request, await readJson(context), 'request'))))
  }

  async function jpeg(context: Context, read: (blob: string) => Promise<Buffer>): Promise<Response> {
    const blob = context.req.param('blob') ?? ''
    if (!session.has(blob)) return context.notFound()
    const bytes = await read(blob)
    return context.body(new Uint8Array(bytes), 200, { 'content-type': 'image/jpeg', 'cache-control': immutable })
  }
}
