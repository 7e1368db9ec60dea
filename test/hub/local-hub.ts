import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export const commit = 'c'.repeat(40)

/** What a hub does wrong. */
export interface Faults {
  /** Bytes after which every connection that sends a file breaks. */
  readonly breakAfter?: number
  /** Sends other bytes than it announced. */
  readonly corrupt?: string
  /** Answers files with this status so often. */
  readonly busy?: number
  /** Sends nothing after the headers. */
  readonly silent?: boolean
  readonly status?: number
}

/** A real HTTP server that speaks as a model hub does. */
export class LocalHub implements AsyncDisposable {
  readonly files: Readonly<Record<string, Buffer>>
  /** Stays what it was when nobody answers any more. */
  endpoint = ''
  faults: Faults = {}
  /** Method-less log: path and range of every question. */
  readonly asked: string[] = []
  readonly #server: Server
  #busy = 0

  private constructor(files: Readonly<Record<string, Buffer>>) {
    this.files = files
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  static async open(files: Readonly<Record<string, Buffer>>): Promise<LocalHub> {
    const hub = new LocalHub(files)
    hub.#server.listen(0, '127.0.0.1')
    await once(hub.#server, 'listening')
    hub.endpoint = `http://127.0.0.1:${(hub.#server.address() as AddressInfo).port}`
    return hub
  }

  /** Nobody answers any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '', this.endpoint)
    const range = request.headers.range ?? ''
    this.asked.push(`${pathname} ${range}`.trim())
    if (this.faults.status !== undefined) response.writeHead(this.faults.status).end()
    else if (pathname.startsWith('/api/models/someone/hands/revision/')) this.#list(response)
    else this.#file(pathname.replace(/^\/someone\/hands\/resolve\/[^/]+\//, ''), range, response)
  }

  #list(response: ServerResponse): void {
    const siblings = Object.entries(this.files).map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
      ...(rfilename.endsWith('.safetensors') && {
        lfs: { sha256: createHash('sha256').update(content).digest('hex'), size: content.length },
      }),
    }))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ id: 'someone/hands', sha: commit, siblings }))
  }

  #file(path: string, range: string, response: ServerResponse): void {
    const content = this.files[decodeURIComponent(path)]
    if (content === undefined) {
      response.writeHead(404).end()
      return
    }
    if (this.#busy++ < (this.faults.busy ?? 0)) {
      response.writeHead(503).end()
      return
    }
    const start = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0)
    const body = Buffer.from(content.subarray(start))
    if (path === this.faults.corrupt) body.fill(0)
    response.writeHead(range === '' ? 200 : 206, { 'content-length': body.length })
    if (this.faults.silent) {
      response.flushHeaders()
      return
    }
    const limit = this.faults.breakAfter ?? Number.POSITIVE_INFINITY
    if (body.length <= limit) response.end(body)
    else response.write(body.subarray(0, limit), () => setTimeout(() => response.destroy(), 50))
  }
}
