import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { generatedFiles, goldenFolder } from './generated-files.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

// A variant that is no more leaves no message behind.
rmSync(`${root}${goldenFolder}`, { recursive: true, force: true })
for (const [path, content] of Object.entries(generatedFiles())) {
  const file = `${root}${path}`
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
