import { Parser } from 'htmlparser2'

const unseen = new Set(['script', 'style'])
const block = new Set(['br', 'p', 'div', 'li', 'td', 'tr'])

/** What a person would read of a piece of HTML: no tags, entities as characters, white space as single spaces. */
export function plainText(html: string): string {
  let text = ''
  let hidden = 0
  const parser = new Parser({
    onopentagname: (name) => {
      if (unseen.has(name)) hidden++
      if (block.has(name)) text += ' '
    },
    onclosetag: (name) => {
      if (unseen.has(name)) hidden--
    },
    ontext: (part) => {
      if (hidden === 0) text += part
    },
  })
  parser.end(html)
  return text.replaceAll(/\s+/g, ' ').trim()
}
