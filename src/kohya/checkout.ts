import { readFile } from 'node:fs/promises'
import { resolve as absolute, join } from 'node:path'
import { execa } from 'execa'
import type { KohyaEngine } from '../config/engine.ts'
import { ConfigError } from '../errors/index.ts'

/** A folder with kohya's sd-scripts. */
export interface Checkout {
  /** Absolute path. */
  readonly home: string
  /** What names its state in records: its commit, with `-changed` behind it when files were edited, or `unknown`. */
  readonly revision: string
  /** Text of its requirements.txt. */
  readonly requirements: string
}

const expected = ['train_network.py', 'networks/lora.py', 'library/train_util.py', 'requirements.txt']

/** Opens the checkout that is named, or KOHYA_HOME. Throws ConfigError (`kohya-home-missing`, `not-a-checkout`). */
export async function openCheckout(engine: KohyaEngine): Promise<Checkout> {
  const named = engine.home ?? process.env.KOHYA_HOME
  if (!named) {
    throw new ConfigError({
      code: 'kohya-home-missing',
      message:
        'The engine kohya needs a checkout of github.com/kohya-ss/sd-scripts. Name its folder as `home`, or in the environment variable KOHYA_HOME.',
    })
  }
  const home = absolute(named)
  const files = await Promise.all(expected.map((file) => readFile(join(home, file), 'utf8').catch(() => null)))
  const missing = expected.filter((_, i) => files[i] === null)
  if (missing.length > 0) {
    throw new ConfigError({
      code: 'not-a-checkout',
      message: `${home} is no checkout of sd-scripts: it lacks ${missing.join(', ')}. Name the folder that holds train_network.py.`,
      facts: { home, missing },
    })
  }
  return { home, revision: await revisionOf(home), requirements: files.at(-1) ?? '' }
}

async function revisionOf(home: string): Promise<string> {
  const git = (...rest: string[]) => execa('git', ['-C', home, ...rest], { reject: false, stdin: 'ignore' })
  const commit = await git('rev-parse', 'HEAD')
  if (commit.exitCode !== 0) return 'unknown'
  const changes = await git('status', '--porcelain', '--untracked-files=no')
  return changes.stdout === '' ? commit.stdout : `${commit.stdout}-changed`
}
