import { Html, html } from './html.ts'

/** What the head of a page says. */
export interface PageHead {
  readonly title: string
  readonly style: string
  /** What the page may load and run; null where its server says so. */
  readonly policy: string | null
}

/** A whole page around its body: one that asks nobody for an icon, in the reader's own light or dark. */
export function pageDocument({ title, style, policy }: PageHead, body: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${policy !== null && html`<meta http-equiv="Content-Security-Policy" content="${policy}">\n`}<link rel="icon" href="data:,">
<title>${title}</title>
<style>${new Html(style)}</style>
</head>
<body>
${body}
</body>
</html>
`.text
}
