import { join } from 'node:path'
import { packageRoot } from '../../src/util/package-root.ts'

/** What Node is given to run `phalanx` from its source. */
export const program: readonly string[] = [
  '--import',
  'tsx',
  '--conditions=phalanx-source',
  join(packageRoot(), 'src/cli/main.ts'),
]
