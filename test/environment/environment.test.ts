import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { packageRoot } from '../../src/util/package-root.ts'
import { type EnvironmentProgress, ensureEnvironment } from '../../src/worker/environment.ts'
import { findPython } from '../../src/worker/python.ts'
import { writeRequirements } from './wheel.ts'

let folder: string
let environments: string
beforeEach(async () => {
  vi.stubEnv('PHALANX_PYTHON', '')
  folder = await mkdtemp(join(tmpdir(), 'environment-test-'))
  environments = join(folder, 'environments')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

function ensureElsewhere(file: string) {
  const script = join(packageRoot(), 'test', 'environment', 'fixtures', 'ensure.ts')
  return execa(process.execPath, ['--import', 'tsx', script, environments, file], { cwd: packageRoot(), reject: false })
}

async function valueIn(python: string, module: string): Promise<string> {
  return (await execa(python, ['-c', `import ${module}; print(${module}.value)`])).stdout
}

test('an environment is made with progress, works, and is found again', async () => {
  const file = await writeRequirements(folder, 'first')
  const progress: EnvironmentProgress[] = []
  const options = {
    folder: environments,
    requirements: [file],
    onProgress: (event: EnvironmentProgress) => progress.push(event),
  }
  const made = await ensureEnvironment(options)
  expect(await valueIn(made.python, 'first')).toBe('7')
  expect(made.requirementsSha256).toMatch(/^[0-9a-f]{64}$/)
  expect(progress.map(({ phase }) => phase)).toContain('creating')
  expect(progress.at(-1)).toMatchObject({ phase: 'installing', done: 1, total: 1 })
  const before = progress.length
  expect(await ensureEnvironment(options)).toEqual(made)
  expect(progress).toHaveLength(before)
}, 240_000)

test('an environment whose making was killed is never used', async () => {
  const file = await writeRequirements(folder, 'killed')
  const child = ensureElsewhere(file)
  const [first] = await firstLine(child.stdout)
  expect(first).toBe('creating')
  child.kill('SIGKILL')
  await child
  const [key = ''] = await readdir(environments)
  expect(await readdir(join(environments, key))).not.toContain('complete.json')
  const { python } = await ensureEnvironment({ folder: environments, requirements: [file] })
  expect(await valueIn(python, 'killed')).toBe('7')
}, 240_000)

test('two processes at once make one environment', async () => {
  const file = await writeRequirements(folder, 'shared')
  const outputs = (await Promise.all([ensureElsewhere(file), ensureElsewhere(file)])).map(({ stdout }) =>
    stdout.split('\n'),
  )
  expect(outputs[0]?.at(-1)).toMatch(/^python /)
  expect(outputs[1]?.at(-1)).toBe(outputs[0]?.at(-1))
  expect(outputs.filter((lines) => lines.includes('creating'))).toHaveLength(1)
}, 240_000)

test('a package that does not exist: the last lines of pip, a remedy, and nothing left behind', async () => {
  const file = join(folder, 'wrong.txt')
  await writeFile(file, './no-such-wheel-1.0-py3-none-any.whl\n')
  const making = ensureEnvironment({ folder: environments, requirements: [file] })
  await expect(making).rejects.toMatchObject({
    name: 'WorkerError',
    code: 'environment-install-failed',
    message: expect.stringContaining('no-such-wheel'),
  })
  const [key = ''] = await readdir(environments)
  expect(await readdir(join(environments, key))).toEqual(['lock'])
}, 240_000)

test('making it can be aborted', async () => {
  const reason = new Error('enough')
  const controller = new AbortController()
  const making = ensureEnvironment({
    folder: environments,
    requirements: [await writeRequirements(folder, 'aborted')],
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  })
  await expect(making).rejects.toBe(reason)
}, 120_000)

test('an interpreter that is named is used as it is, or refused with what it lacks', async () => {
  await expect(ensureEnvironment({ python: join(folder, 'no-python') })).rejects.toMatchObject({
    code: 'python-not-found',
  })
  await expect(ensureEnvironment({ python: '/bin/echo' })).rejects.toMatchObject({ code: 'python-not-found' })
  const { executable } = await findPython()
  await execa(executable, ['-m', 'venv', '--without-pip', join(folder, 'bare')])
  const python = join(folder, 'bare', 'bin', 'python')
  vi.stubEnv('PHALANX_PYTHON', python)
  await expect(ensureEnvironment()).rejects.toMatchObject({
    name: 'WorkerError',
    code: 'python-packages-missing',
    facts: { missing: expect.arrayContaining(['torch', 'zmq', 'msgspec']) },
  })
}, 120_000)

test('without a Python of a supported version the ones that were found are named', async () => {
  const old = join(folder, 'old-python')
  await writeFile(old, '#!/bin/sh\necho \'{"executable": "/x", "version": "3.9.1", "platform": "linux"}\'\n', {
    mode: 0o755,
  })
  await expect(findPython([join(folder, 'no'), old])).rejects.toMatchObject({
    code: 'python-not-found',
    facts: { found: [`${old} is 3.9.1`] },
  })
})

/** The first line of a stream, alone in a list. */
async function firstLine(stream: NodeJS.ReadableStream): Promise<string[]> {
  return new Promise((resolve) =>
    stream.once('data', (chunk: Buffer) => resolve(chunk.toString().split('\n').slice(0, 1))),
  )
}
