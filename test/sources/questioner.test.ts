import { expect, test } from 'vitest'
import { openSource } from '../../src/sources/index.ts'
import { quick, search, serve, surroundings } from './local-source.ts'

const empty = { page_count: 1, page: 1, results: [] }
const perMinute = 60_000

test.each(['brave', 'flickr', 'google'] as const)(
  '%s without its key is refused by the name of its variable',
  async (type) => {
    await expect(openSource({ type }, surroundings({ variables: {} }))).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'missing-key',
      facts: { variable: expect.stringMatching(/^(?:BRAVE|FLICKR|GOOGLE)_/) },
    })
  },
)

test('settings are checked: an unknown source, a misspelt key, commons without a contact', async () => {
  const open = (input: unknown) => openSource(input as never, surroundings())
  await expect(open({ type: 'openvers' })).rejects.toThrow('Did you mean "openverse"?')
  await expect(open({ type: 'brave', adress: 'x' })).rejects.toThrow('Did you mean "address"?')
  await expect(open({ type: 'commons' })).rejects.toThrow('contact')
  await expect(open({ type: 'openverse', address: 'file:///x' })).rejects.toThrow('http')
})

test('a limit that is no count is refused', async () => {
  const source = await openSource({ type: 'openverse' }, surroundings())
  await expect(search(source, 'hands', 0)).rejects.toMatchObject({ code: 'invalid-settings' })
})

test('what a busy source asks for is waited and shown, and the question asked again', async () => {
  let asked = 0
  await using server = await serve((_, response) => {
    if (++asked > 2) return empty
    response.writeHead(asked === 1 ? 429 : 503, asked === 1 ? { 'retry-after': '0' } : {}).end('busy')
    return undefined
  })
  const around = surroundings()
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, around)
  expect(await search(source, 'hands')).toEqual([])
  expect(asked).toBe(3)
  expect(around.events.filter(({ type }) => type === 'source-wait')).toContainEqual(
    expect.objectContaining({ source: 'openverse', reason: 'source-asks' }),
  )
})

test('a source that asks for too long a wait is left for later, with the time', async () => {
  await using server = await serve((_, response) => {
    response.writeHead(429, { 'retry-after': '3600' }).end()
    return undefined
  })
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, surroundings())
  const failure = search(source, 'hands')
  await expect(failure).rejects.toMatchObject({ name: 'DatasetError', code: 'source-busy' })
  const { retryAt } = await failure.catch((error) => error.facts)
  expect(Date.parse(retryAt) - Date.now()).toBeGreaterThan(3_500_000)
  expect(server.seen).toHaveLength(1)
})

test('when a window of its rate is used up, nothing is asked until it opens again', async () => {
  await using server = await serve((_, response) => {
    response.setHeader('x-ratelimit-remaining', '0, 0')
    response.setHeader('x-ratelimit-reset', '1, 9000')
    return { type: 'images', results: [] }
  })
  const source = await openSource({ type: 'brave', address: server.address, perMinute }, surroundings())
  expect(await search(source, 'hands')).toEqual([])
  await expect(search(source, 'fists')).rejects.toMatchObject({ code: 'source-busy' })
  expect(server.seen).toHaveLength(1)
})

test('questions are spaced as the settings say, and the wait is shown', async () => {
  await using server = await serve(() => empty)
  const stop = new AbortController()
  const around = surroundings({
    patience: { ...quick, longestMilliseconds: 200_000 },
    onEvent: (event) => stop.abort(event),
  })
  const source = await openSource({ type: 'openverse', address: server.address, perMinute: 0.6 }, around)
  await search(source, 'a')
  const second = source.search('b', { limit: 1, signal: stop.signal })[Symbol.asyncIterator]().next()
  await expect(second).rejects.toMatchObject({ type: 'source-wait', source: 'openverse', reason: 'rate-limit' })
  expect(server.seen).toHaveLength(1)
})

test('a connection that is cut is tried again, then given up with what to do', async () => {
  await using server = await serve((_, response) => {
    response.socket?.destroy()
    return undefined
  })
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, surroundings())
  await expect(search(source, 'hands')).rejects.toMatchObject({ code: 'source-unreachable' })
  expect(server.seen).toHaveLength(quick.attempts)
})

test.each([
  ['another form', 'source-answer'],
  ['a redirect to elsewhere', 'source-refused'],
])('%s as an answer is refused and not kept', async (what, code) => {
  await using server = await serve((_, response) => {
    if (what === 'another form') return { images: [] }
    response.writeHead(302, { location: 'http://example.com/' }).end()
    return undefined
  })
  const around = surroundings()
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, around)
  await expect(search(source, 'hands')).rejects.toMatchObject({ name: 'DatasetError', code })
  expect(around.kept.size).toBe(0)
})

test('an endless answer is given up', async () => {
  await using server = await serve((_, response) => {
    const more = (): void => {
      while (response.write(Buffer.alloc(1 << 20, 32)));
    }
    response.on('drain', more)
    more()
    return undefined
  })
  const around = surroundings({ patience: { ...quick, attempts: 1 } })
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, around)
  await expect(search(source, 'hands')).rejects.toMatchObject({ code: 'source-unreachable' })
})

test('keys appear in no kept answer, request or message', async () => {
  await using server = await serve(({ parameters }, response) => {
    if (parameters.q === 'fists') {
      response.writeHead(403).end('API key secret-key is not valid')
      return undefined
    }
    return { items: [], echo: 'secret-key' }
  })
  const around = surroundings()
  const source = await openSource({ type: 'google', address: server.address, perMinute }, around)
  await search(source, 'hands')
  expect([...around.kept].flat().join()).toContain('[key]')
  expect([...around.kept].flat().join()).not.toContain('secret-key')
  const error = await search(source, 'fists').catch((failure) => failure)
  expect(error).toMatchObject({ code: 'source-key-refused', facts: { variable: 'GOOGLE_API_KEY' } })
  expect(`${error.message} ${JSON.stringify(error.facts)}`).not.toContain('secret-key')
})

test('a search that is aborted ends with the reason of its signal', async () => {
  await using server = await serve(() => undefined)
  const source = await openSource({ type: 'openverse', address: server.address, perMinute }, surroundings())
  const stop = new AbortController()
  const found = source.search('hands', { limit: 5, signal: stop.signal })[Symbol.asyncIterator]().next()
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await expect(found).rejects.toThrow('enough')
})
