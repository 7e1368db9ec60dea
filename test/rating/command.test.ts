import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { RaterView } from '../../src/rating/rating-session.ts'
import { packageRoot } from '../../src/util/package-root.ts'
import { program } from '../cli/program.ts'
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
  return execa(process.execPath, [...program, 'rate', ...words], { reject: false, stdin: 'ignore', cwd: packageRoot() })
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
  const early = await phalanxRate(study, '--close', '--json')
  expect([early.exitCode, JSON.parse(early.stdout).error.code]).toEqual([1, 'rating-in-use'])
  second.kill('SIGINT')
  expect(await second).toMatchObject({ exitCode: 130, stderr: expect.stringContaining('each rater enters a name') })

  const closed = await phalanxRate(study, '--close')
  expect(closed.exitCode).toBe(0)
  expect(closed.stdout).toMatch(/LoRA: .*2 clusters(.|\n)*report\.html$/)
  const after = await phalanxRate(study, '--json')
  expect([after.exitCode, JSON.parse(after.stdout).error.code]).toEqual([2, 'rating-closed'])
}, 120_000)

test('what cannot be used is misuse, with what to do instead', async () => {
  const cases = [
    [['--mode', 'count', '--catches', '0.1'], 'invalid-settings'],
    [['--host', '0.0.0.0'], 'invalid-host'],
    [['--close', '--count', '3'], 'option-without-effect'],
    [['--close'], 'rating-not-begun'],
  ] as const
  for (const [words, code] of cases) {
    const { exitCode, stdout } = await phalanxRate(study, '--json', '--name', 'misuse', ...words)
    expect([exitCode, JSON.parse(stdout).error.code]).toEqual([2, code])
  }
}, 120_000)
