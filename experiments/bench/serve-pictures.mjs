/** Serves the files of a folder from memory at /<run>/<file>, and prints its port and when each run began. */
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const [folder = ''] = process.argv.slice(2)
const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]))
const runs = new Set()
const server = createServer((request, response) => {
  const [, run = '', name = ''] = (request.url ?? '').split('/')
  const file = files.get(name)
  if (file === undefined) return response.writeHead(404).end()
  if (!runs.has(run)) {
    runs.add(run)
    process.stdout.write(`${run} ${Date.now()}\n`)
  }
  response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': file.length }).end(file)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`port ${server.address().port}\n`))
