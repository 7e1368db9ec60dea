import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles } from './generated-files.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

for (const [path, content] of Object.entries(generatedFiles())) {
  const file = `${root}${path}`
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
