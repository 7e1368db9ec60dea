// Builds dist: JavaScript and declarations from src, and beside them the files that the code reads by its own place.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc')

rmSync(join(root, 'dist'), { recursive: true, force: true })
try {
  execFileSync(process.execPath, [compiler, '--project', join(root, '.ci', 'tsconfig.build.json')], {
    stdio: 'inherit',
  })
} catch {
  process.exit(1)
}
cpSync(join(root, 'src', 'render', 'assets'), join(root, 'dist', 'render', 'assets'), { recursive: true })
chmodSync(join(root, 'dist', 'cli', 'main.js'), 0o755)
