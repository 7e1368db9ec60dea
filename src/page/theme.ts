/** Colours and faces of every page: one serif face, ink on paper, one accent; light and dark. */
export const pageTheme = `
:root {
  --paper: #fdfcf8; --ink: #1b1a17; --soft: #6d6a62; --faint: #b9b5aa; --rule: #e4e1d8; --accent: #a6341b;
  --serif: 'Iowan Old Style', 'Palatino Linotype', Palatino, 'Book Antiqua', P052, 'URW Palladio L', Georgia, serif;
  --mono: ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #161513; --ink: #e9e5da; --soft: #a19c90; --faint: #5d594f; --rule: #2d2b27; --accent: #ef8a6c; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
`
