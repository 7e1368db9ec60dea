import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RaterView } from '../../src/rating/rating-session.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { writeSampleStudy } from '../report/sample-study.ts'

let folder: string
let study: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'phalanx-rate-'))
  study = join(folder, 'study')
  await writeSampleStudy(study)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

function phalanxRate(...words: string[]) {
  const program = ['--import', 'tsx', '--conditions=phalanx-source', join(packageRoot(), 'src/cli/main.ts'), 'rate']
  return execa(process.execPath, [...program, ...words], { reject: false, stdin: 'ignore', cwd: packageRoot() })
}

/** Follows the link that the command printed, as a browser would. */
async function enter(command: ReturnType<typeof phalanxRate>) {
  const [said] = (await once(command.stdout, 'data')) as [Buffer]
  const link = said.toString().trim()
  const { headers } = await fetch(link, { redirect: 'manual' })
  const { origin } = new URL(link)
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? ''
  return async (path: string, body?: object): Promise<RaterView> => {
    const answer = await fetch(`${origin}${path}`, {
      headers: { cookie, ...(body && { origin, 'content-type': 'application/json' }) },
      ...(body && { method: 'POST', body: JSON.stringify(body) }),
    })
    return (await answer.json()) as RaterView
  }
}

test('a vote that was answered outlives the process, and Ctrl-C ends it', async () => {
  const first = phalanxRate(study, '--count', '5', '--repeats', '0', '--arm', 'baseline', '--arm', 'LoRA')
  const ask = await enter(first)
  expect(await ask('/raters/ann')).toMatchObject({ position: 0, total: 5 })
  const vote = { rater: 'ann', position: 0, outcome: 'left', milliseconds: 600 }
  expect(await ask('/votes', vote)).toMatchObject({ position: 1 })
  expect(await ask('/votes', { ...vote, position: 1, extra: true })).toMatchObject({
    error: { code: 'invalid-settings', message: expect.stringContaining('extra') },
  })
  first.kill('SIGKILL')
  await first

  const second = phalanxRate(study)
  expect(await (await enter(second))('/raters/ann')).toMatchObject({ position: 1, total: 5 })
  second.kill('SIGINT')
  expect(await second).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('each rater enters a name') })
})

test('what cannot be used is misuse, with what to do instead', async () => {
  const cases = [
    [['--mode', 'pears'], 'invalid-settings'],
    [['--mode', 'count', '--catches', '0.1'], 'invalid-settings'],
    [['--arm', 'lara'], 'unknown-arm'],
    [['--name', '../x'], 'invalid-rating-name'],
    [['--host', '0.0.0.0'], 'invalid-host'],
  ] as const
  for (const [words, code] of cases) {
    const { exitCode, stdout } = await phalanxRate(
      study,
      '--json',
      ...(words[0] === '--name' ? [] : ['--name', 'misuse']),
      ...words,
    )
    expect([exitCode, JSON.parse(stdout).error.code]).toEqual([2, code])
  }
}, 60_000)
