import fc from 'fast-check'
import { expect, test } from 'vitest'
import { altOf, readSourcePage } from '../../src/curation/source-page.ts'

const address = 'https://pages.example/gallery/1?from=list'
const read = (html: string, tags: readonly string[] = []) => readSourcePage(html, address, 'phalanx', tags)

test.each([
  ['<meta name="robots" content="noai">', 'noai'],
  ['<META NAME="ROBOTS" CONTENT="index, NoImageAI">', 'noimageai'],
  ["<meta content='noai, noimageai' name='robots'/>", 'noai'],
  ['<meta name=robots content=noimageindex>', 'noimageindex'],
  ['<meta name="Phalanx" content="noai">', 'noai'],
  ['<meta property="robots" content="noai">', 'noai'],
  ['<meta name=" robots " content="noai noimageai">', 'noai'],
  ['<meta name="robots" content="all;noai">', 'noai'],
  ['<meta name="robots" content="&#110;oai">', 'noai'],
  ['<meta http-equiv="X-Robots-Tag" content="phalanx: noai">', 'noai'],
  ['<meta name="tdm-reservation" content="1">', 'tdm-reservation'],
  ['<html><body><p>late<meta name="robots" content="noai">', 'noai'],
  ['<meta name="robots" content="all"><meta name="robots" content="noai">', 'noai'],
  ['<meta name="robots" content="noindex, nofollow">', null],
  ['<meta name="googlebot" content="noai">', null],
  ['<meta http-equiv="X-Robots-Tag" content="otherbot: noai">', null],
  ['<meta name="description" content="noai">', null],
  ['<meta name="tdm-reservation" content="0">', null],
  ['<!-- <meta name="robots" content="noai"> -->', null],
  ['<script>document.write(\'<meta name="robots" content="noai">\')</script>', null],
  ['<textarea><meta name="robots" content="noai"></textarea>', null],
  ['', null],
])('%s refuses by %s', (html, refusal) => {
  expect(read(html).refusal).toBe(refusal)
})

test('a header of the page refuses as its meta does', () => {
  expect([['noai'], ['otherbot: noai'], ['noindex']].map((tags) => read('', tags).refusal)).toEqual([
    'noai',
    null,
    null,
  ])
})

test.each([
  ['<img src="https://images.example/a.jpg" alt="A palm">', 'A palm'],
  ['<img src="//images.example/a.jpg?utm_source=x#top" alt="A palm">', 'A palm'],
  [
    '<img alt=" A \n palm&nbsp;&amp; more " data-src="https://images.example/a.jpg" src="data:image/gif;base64,R0">',
    'A palm & more',
  ],
  ['<img srcset="https://images.example/s.jpg 320w, https://images.example/a.jpg 640w" alt="A palm">', 'A palm'],
  ['<img srcset="https://images.example/a.jpg,https://images.example/b.jpg 2x" alt="A palm">', null],
  ['<img srcset="https://images.example/b.jpg 1x,https://images.example/a.jpg 2x" alt="A palm">', 'A palm'],
  ['<picture><source srcset="https://images.example/a.jpg"><img src="/b.jpg" alt="A palm"></picture>', 'A palm'],
  ['<picture><source srcset="https://images.example/a.jpg"></picture><img src="/b.jpg" alt="A palm">', null],
  ['<base href="https://images.example/"><img src="a.jpg" alt="A palm">', 'A palm'],
  [
    '<img src="https://images.example/a.jpg" alt=""><img data-lazy-src="https://images.example/a.jpg" alt="Later">',
    'Later',
  ],
  ['<img src="https://images.example/b.jpg" alt="Another">', null],
  ['<img src="http://" alt="Broken"><img src="javascript:alert(1)" alt="Worse">', null],
])('%s gives the image the caption %s', (html, alt) => {
  expect(altOf(read(html), ['https://images.example/a.jpg'])).toBe(alt)
})

test('the addresses that led to the image count too', () => {
  const page = read('<img src="https://cdn.example/x.jpg" alt="A palm">')
  expect(altOf(page, ['https://images.example/a.jpg', 'https://cdn.example/x.jpg'])).toBe('A palm')
})

test('any text is read to its end, and what is found is no longer than a caption may be', () => {
  const part = fc.oneof(
    fc.string(),
    fc.constantFrom('<img alt="', '" src="a', '<meta name="robots" content="', '<picture>', ',', '>'),
  )
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const { images, refusal } = read(parts.join(''))
      expect(images.every(({ alt }) => alt.length > 0 && alt.isWellFormed())).toBe(true)
      expect(refusal === null || /^[a-z-]+$/.test(refusal)).toBe(true)
    }),
  )
  expect(read(`<img src="a" alt="${'🖐'.repeat(9000)}">`).images[0]?.alt.length).toBe(8192)
})
