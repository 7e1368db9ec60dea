import { encodePng, type RgbImage } from '../../artefact/png.ts'
import { pageDocument } from '../../page/document.ts'
import { html } from '../../page/html.ts'

const policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
const style = `
:root { color-scheme: light dark }
body { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px }
img { max-width: 100%; height: auto; image-rendering: pixelated }
`

/** A self-contained page that shows pictures at twice their size, or smaller where the window is. */
export async function picturePage(pictures: readonly RgbImage[]): Promise<string> {
  const images = await Promise.all(
    pictures.map(async (picture) => {
      const png = await encodePng(picture)
      return html`<img src="data:image/png;base64,${png.toString('base64')}" width="${2 * picture.width}" alt="picture of ${picture.width} by ${picture.height} pixels">
`
    }),
  )
  const title = `${pictures.length} ${pictures.length === 1 ? 'picture' : 'pictures'}`
  return pageDocument({ title, style, policy }, html`${images}`)
}
