import fc from 'fast-check'
import { expect, test } from 'vitest'
import { urlKey } from '../../src/ledger/url-key.ts'

test.each([
  ['HTTPS://Example.COM:443/A.jpg#top', 'https://example.com/A.jpg'],
  ['http://example.com:80', 'http://example.com/'],
  ['http://example.com:8080/a', 'http://example.com:8080/a'],
  ['https://me:secret@example.com/a', 'https://example.com/a'],
  ['https://example.com/a?b=2&a=1&utm_source=x&fbclid=y', 'https://example.com/a?a=1&b=2'],
  ['https://example.com/a?utm_source=x', 'https://example.com/a'],
  ['https://example.com/x/../a%20b.jpg', 'https://example.com/a%20b.jpg'],
  ['file:///photos/a.jpg', 'file:///photos/a.jpg'],
])('the key of %s is %s', (address, key) => {
  expect(urlKey(address)).toBe(key)
})

test('a key is its own key, and the order of parameters does not matter', () => {
  const parameters = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.string()), { maxLength: 5 })
  fc.assert(
    fc.property(fc.webUrl(), parameters, (base, given) => {
      const address = (list: [string, string][]): string => {
        const url = new URL(base)
        for (const [name, value] of list) url.searchParams.append(name, value)
        return url.href
      }
      const key = urlKey(address(given))
      expect(urlKey(key)).toBe(key)
      expect(urlKey(address(given.toReversed()))).toBe(key)
    }),
  )
})

test('what is no address throws', () => {
  expect(() => urlKey('palms')).toThrow(TypeError)
})
