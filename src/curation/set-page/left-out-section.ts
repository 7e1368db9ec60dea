import { type Html, html } from '../../page/html.ts'

/** Something that was refused. */
export interface RefusalExample {
  /** Its address, without the folders of this machine. */
  readonly address: string
  /** A small picture of it as a data address, where there is one. */
  readonly thumbnail: string | null
}

/** A reason of refusal with how many candidates it met and some of them. */
export interface RefusalExamples {
  readonly reason: string
  readonly count: number
  readonly examples: readonly RefusalExample[]
}

/** What is in the set no more or never was, with the reasons. */
export function leftOutSection({
  refusals,
  noDerivatives,
}: {
  readonly refusals: readonly RefusalExamples[]
  readonly noDerivatives: number
}): Html {
  if (refusals.length === 0 && noDerivatives === 0) return html`<p>Nothing.</p>`
  return html`${noDerivatives > 0 && html`<p>${noDerivatives} whose licence forbids derived works.</p>`}
<dl class="reasons">${refusals.map(
    ({ reason, count, examples }) => html`<dt>${reason} <span class="soft">${count}</span></dt>
<dd>${examples.map(example)}</dd>
`,
  )}</dl>`
}

function example({ address, thumbnail }: RefusalExample): Html {
  if (thumbnail === null) return html`<p class="soft">${address}</p>`
  return html`<figure class="small"><img src="${thumbnail}" alt=""><figcaption>${address}</figcaption></figure>`
}
