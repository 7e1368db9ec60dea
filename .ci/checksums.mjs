// Writes src/weights/checksums.json: the SHA-256 of every data file of the package, which `phalanx doctor` compares.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../src/weights/', import.meta.url))
const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name !== 'checksums.json')
  .map((entry) => join(entry.parentPath, entry.name).slice(folder.length).split(sep).join('/'))
  .sort()
const sums = files.map((file) => [
  file,
  createHash('sha256')
    .update(readFileSync(join(folder, file)))
    .digest('hex'),
])
writeFileSync(join(folder, 'checksums.json'), `${JSON.stringify(Object.fromEntries(sums), null, 2)}\n`)
