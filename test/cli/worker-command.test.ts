import { once } from 'node:events'
import { access, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { attachWorker } from '../../src/worker/index.ts'
import { python } from '../worker/scripted-worker.ts'
import { program } from './program.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-cli-worker-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

function phalanxWorker(...words: string[]) {
  return execa(process.execPath, [...program, 'worker', ...words], {
    reject: false,
    stdin: 'ignore',
    cwd: packageRoot(),
    env: { PHALANX_PYTHON: python },
  })
}

test('a worker kept from the command line says where it is, serves, and ends with Ctrl-C', async () => {
  const endpointFile = join(folder, 'worker.json')
  const command = phalanxWorker('--endpoint-file', endpointFile, '--listen', 'tcp://127.0.0.1')
  const [said] = (await once(command.stdout, 'data')) as [Buffer]
  expect(said.toString()).toBe(`${endpointFile}\n`)
  expect(JSON.parse(await readFile(endpointFile, 'utf8')).jobsEndpoint).toMatch(/^tcp:\/\/127\.0\.0\.1:\d+$/)
  const attached = await attachWorker(endpointFile)
  expect(await attached.ping()).toBeGreaterThan(0)
  await attached.close()
  command.kill('SIGINT')
  expect(await command).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('Ctrl-C ends it') })
  await expect(access(endpointFile)).rejects.toThrow('ENOENT')
})

test('an address that cannot be listened on is misuse', async () => {
  const { exitCode, stdout } = await phalanxWorker(
    '--endpoint-file',
    join(folder, 'x.json'),
    '--listen',
    'tpc://a',
    '--json',
  )
  expect([exitCode, JSON.parse(stdout).error]).toMatchObject([
    2,
    { code: 'invalid-worker-settings', message: expect.stringContaining('tcp://192.168.0.5:5601') },
  ])
})
