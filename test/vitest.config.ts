import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const conditions = ['phalanx-source', 'node', 'import', 'module', 'default']

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/fixtures/**'],
    globalSetup: ['src/testing/setup.ts'],
    // Native sockets and image libraries are not made for worker threads.
    pool: 'forks',
    maxWorkers: 2,
    // Tests start real worker processes, which import torch.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
