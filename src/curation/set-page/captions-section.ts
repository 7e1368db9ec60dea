import { type Html, html } from '../../page/html.ts'
import type { SetItem, SetManifest } from '../manifest.ts'
import { barTable, counted, table } from './table.ts'

const mostWords = 60
/** Lengths in words are told in steps of so many, and the longest together. */
const lengthStep = 4
const longestLength = 40

/** The most frequent words, how long captions are, and where they come from. */
export function captionsSection({ items, captions }: SetManifest): Html {
  const words = items.flatMap(({ caption }) => [...new Set(wordsOf(caption))])
  const shown = counted(words.map((word) => [word])).slice(0, mostWords)
  const without = items.filter(({ caption }) => caption === '').length
  const edited = items.filter(({ earlierCaptions }) => earlierCaptions.length > 0).length
  const { template, prefix, suffix } = captions
  return html`<p>${shown.map(([word, count]) => html`<span class="word">${word} <span class="soft">${count}</span></span> `)}</p>
<p>${without === 0 ? 'Every image has a caption.' : `Without a caption: ${without}.`}${edited > 0 && ` Changed by people: ${edited}.`}${
    template + prefix + suffix !== '{caption}' &&
    html` Worded as <code>${[prefix, template, suffix].filter((part) => part !== '').join(' ')}</code>.`
  }</p>
<div class="columns"><div>${barTable('words in a caption', lengths(items))}</div>
<div>${table(['caption from', 'images'], counted(items.map(({ captionSource }) => [captionSource])))}</div></div>`
}

function lengths(items: readonly SetItem[]): [string, number][] {
  const counts = new Map<number, number>()
  for (const { caption } of items) {
    const step = Math.floor(Math.min(wordsOf(caption).length, longestLength) / lengthStep)
    counts.set(step, (counts.get(step) ?? 0) + 1)
  }
  const last = longestLength / lengthStep
  const name = (step: number) =>
    step === last ? `${longestLength} and more` : `${step * lengthStep}–${(step + 1) * lengthStep - 1}`
  const most = Math.max(...counts.keys())
  return Array.from({ length: most + 1 }, (_, step) => [name(step), counts.get(step) ?? 0])
}

function wordsOf(caption: string): string[] {
  return caption.toLowerCase().match(/\p{L}[\p{L}\p{M}'’-]*/gu) ?? []
}
