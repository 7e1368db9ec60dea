import { execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Lab } from '../../src/index.ts'

/** Writes extractors of the true layout with random weights: `clip`, `dinov2` and `inception.pth` in the folder given back. */
export async function writeExtractors(lab: Lab): Promise<string> {
  const folder = join(lab.folder, 'extractors')
  await mkdir(folder)
  const script = fileURLToPath(new URL('fixtures/make-extractors.py', import.meta.url))
  execFileSync(process.env.PHALANX_PYTHON ?? lab.environment.python ?? 'python3', [script, folder], { stdio: 'ignore' })
  return folder
}
