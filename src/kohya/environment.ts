import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { KohyaEngine } from '../config/engine.ts'
import { atomicWrite } from '../util/atomic-write.ts'
import { cacheFolder } from '../util/cache-folder.ts'
import { sha256 } from '../util/sha256.ts'
import { type EnvironmentProgress, ensureEnvironment } from '../worker/environment.ts'
import type { Checkout } from './checkout.ts'

/** Their requirements name no torch; these are the newest versions that their own tests run with. */
const torchRequirements = ['torch==2.6.0', 'torchvision==0.21.0']

/** Installs only what training needs: the package itself is read from the checkout. */
const left = /^\s*(-e\b|#|$)/

/**
 * Interpreter for a checkout: the one that is named, else KOHYA_PYTHON, else an environment that is made from the
 * checkout's requirements on first use and kept per hash of them. Throws WorkerError as `ensureEnvironment`.
 */
export async function checkoutPython(
  checkout: Checkout,
  engine: KohyaEngine,
  call: { readonly onProgress: (progress: EnvironmentProgress) => void; readonly signal: AbortSignal | undefined },
): Promise<string> {
  const named = engine.python ?? process.env.KOHYA_PYTHON
  if (named) return named
  const file = await writeRequirements(requirementsOf(checkout))
  return (await ensureEnvironment({ requirements: [file], ...call })).python
}

/** What pip is given: torch, and their requirements without the line that installs the checkout itself. */
export function requirementsOf({ requirements }: Pick<Checkout, 'requirements'>): string {
  const lines = requirements.split(/\r?\n/).filter((line) => !left.test(line))
  return `${[...torchRequirements, ...lines].join('\n')}\n`
}

async function writeRequirements(text: string): Promise<string> {
  const folder = join(cacheFolder(), 'requirements')
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${sha256(text).slice(0, 16)}.txt`)
  await atomicWrite(path, text)
  return path
}
