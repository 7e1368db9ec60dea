import type { ServerResponse } from 'node:http'
import sharp from 'sharp'
import { RandomStream } from '../../src/util/random.ts'
import { type LocalServer, type SeenRequest, serve } from '../sources/local-source.ts'
import { localNetwork } from '../web/local-web.ts'

/** A JPEG of blobs; another seed is another picture. */
export async function jpeg(seed: number, side = 64): Promise<Buffer> {
  const random = new RandomStream('curation-image', seed)
  const circles = Array.from({ length: 12 }, () => {
    const [x, y, r, tone] = [64, 64, 24, 255].map((top) => Math.floor(random.uniform(0, top)))
    return `<circle cx="${x}" cy="${y}" r="${r}" fill="rgb(${tone},${tone},${255 - (tone ?? 0)})"/>`
  })
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64">${circles.join('')}</svg>`
  return sharp(Buffer.from(drawing)).resize(side, side).flatten({ background: '#888' }).jpeg({ quality: 90 }).toBuffer()
}

/** A web site whose files are these; a function answers by itself. */
export async function webSite(
  files: Readonly<Record<string, Buffer | ((response: ServerResponse, request: SeenRequest) => void)>>,
) {
  const server: LocalServer = await serve((request, response) => {
    const file = files[request.path]
    if (typeof file === 'function') file(response, request)
    else if (file === undefined) response.writeHead(404).end()
    else response.writeHead(200, { 'content-type': 'image/jpeg' }).end(file)
    return undefined
  })
  const port = Number(new URL(server.address).port)
  const network = localNetwork(port)
  return {
    /** Address of a file on a host that ends in `.test`. */
    at: (path: string, host = 'images') => `http://${host}.test:${port}${path}`,
    /** Paths that were asked for, without robots.txt. */
    asked: () => server.seen.map(({ path }) => path).filter((path) => path !== '/robots.txt'),
    port,
    network,
    [Symbol.asyncDispose]: async () => {
      await network[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}
