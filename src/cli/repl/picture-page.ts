import { encodePng, type RgbImage } from '../../artefact/png.ts'

/** A self-contained page that shows pictures at twice their size, or smaller where the window is. */
export async function picturePage(pictures: readonly RgbImage[]): Promise<string> {
  const images = await Promise.all(
    pictures.map(async (picture) => {
      const png = await encodePng(picture)
      return `<img src="data:image/png;base64,${png.toString('base64')}" width="${2 * picture.width}" alt="picture of ${picture.width} by ${picture.height} pixels">`
    }),
  )
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${pictures.length} ${pictures.length === 1 ? 'picture' : 'pictures'}</title>
<style>
:root { color-scheme: light dark }
body { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px }
img { max-width: 100%; height: auto; image-rendering: pixelated }
</style>
${images.join('\n')}
</html>
`
}
