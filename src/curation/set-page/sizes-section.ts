import { bucketSettings } from '../../config/bucket.ts'
import { bucketGrid, planBuckets } from '../../dataset/index.ts'
import { type Html, html } from '../../page/html.ts'
import type { SetItem } from '../manifest.ts'
import { barTable } from './table.ts'

/** Sides of squares of the areas that Stable Diffusion 1, 2 and XL are trained at. */
const trainedSides = [512, 768, 1024] as const
/** What these bases say of the sizes that they take: 64 pixels, which is also what kohya's list has. */
const rules = { reduction: 8, sizeStep: 64 }

/** How large images are, and the sizes that a training with `buckets: {}` brings them to. */
export function sizesSection(items: readonly SetItem[]): Html {
  const sides = items.map(({ width, height }) => Math.min(width, height)).toSorted((a, b) => a - b)
  return html`<p>The shorter side has ${sides[0]} to ${sides.at(-1)} pixels, ${sides[Math.floor(sides.length / 2)]} in the middle.</p>
<div class="columns">${trainedSides.map((side) => html`<div>${bucketTable(items, side)}</div>`)}</div>`
}

function bucketTable(items: readonly SetItem[], side: number): Html {
  const grid = bucketGrid(bucketSettings.parse({}), { width: side, height: side }, rules)
  const { sizes, places } = planBuckets([items], grid)
  const rows = sizes.map(({ width, height }, i) => {
    return [`${width} × ${height}`, places.flat().filter((place) => place === i).length] as const
  })
  const small = items.filter(({ width, height }) => width * height < side * side).length
  return html`${barTable(`trained at ${side} × ${side}`, rows)}
<p class="soft">${small === 0 ? 'None has fewer pixels than that.' : `${small} ${small === 1 ? 'has' : 'have'} fewer pixels and ${small === 1 ? 'is' : 'are'} enlarged.`}</p>`
}
