import { cp, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { python } from '../worker/scripted-worker.ts'

const project = fileURLToPath(new URL('fixtures/jest', import.meta.url))

test('a project of a user, tested by Jest with the built package, shares one worker that ends with it', async () => {
  await execa('node', [join(packageRoot(), '.ci', 'build.mjs')])
  const folder = await mkdtemp(join(tmpdir(), 'phalanx-jest-'))
  await cp(project, folder, { recursive: true })
  // The same again, as another file.
  await cp(join(folder, 'drawing.jest.mjs'), join(folder, 'sharing.jest.mjs'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(packageRoot(), join(folder, 'node_modules', 'phalanx'))
  const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin', 'jest.js')
  const { all, exitCode } = await execa('node', ['--experimental-vm-modules', jest], {
    cwd: folder,
    env: { PHALANX_PYTHON: python, PHALANX_TEST_ENDPOINT: undefined },
    reject: false,
    all: true,
  })
  expect(exitCode, all).toBe(0)
  expect(all).toContain('Tests:       2 passed, 2 total')
  const seen = await Promise.all(
    ['drawing', 'sharing'].map((name) => readFile(join(folder, `${name}.jest.mjs.workers.json`), 'utf8')),
  )
  expect(seen[0]).toBe(seen[1])
  const [{ pid }] = JSON.parse(seen[0] as string) as [{ readonly pid: number }]
  expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  await rm(folder, { recursive: true })
}, 180_000)
