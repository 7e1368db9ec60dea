/** The page's only script: opens an image large, beside the same prompt and seed in the other arms. */
export const pageScript = `
const dialog = document.querySelector('dialog')
const cells = [...document.querySelectorAll('button.cell')]
let current = null

function show(cell) {
  current = cell
  const image = cell.querySelector('img')
  const large = dialog.querySelector('.large')
  large.src = image.src
  large.alt = image.alt
  dialog.querySelector('h3').textContent = cell.dataset.arm
  dialog.querySelector('.prompt').textContent = cell.dataset.prompt
  dialog.querySelector('.seed').textContent = 'seed ' + cell.dataset.seed
  dialog.querySelector('.judgement').textContent = cell.dataset.fingers
  const strip = dialog.querySelector('.siblings')
  const focused = strip.contains(document.activeElement)
  strip.replaceChildren(...siblingsOf(cell).map((sibling) => {
    const button = document.createElement('button')
    button.type = 'button'
    const copy = sibling.querySelector('img').cloneNode()
    const name = document.createElement('span')
    name.textContent = sibling.dataset.arm
    button.append(copy, name)
    if (sibling === cell) button.setAttribute('aria-current', 'true')
    button.addEventListener('click', () => show(sibling))
    return button
  }))
  if (!dialog.open) dialog.showModal()
  if (focused) strip.querySelector('[aria-current]').focus()
}

function siblingsOf(cell) {
  const seen = new Set()
  const figure = cell.closest('section')
  return cells.filter((other) => {
    if (other.dataset.place !== cell.dataset.place || other.closest('section') !== figure) return false
    return !seen.has(other.dataset.arm) && seen.add(other.dataset.arm)
  })
}

function step(list, by) {
  const next = list[list.indexOf(current) + by]
  if (next) show(next)
}

for (const cell of cells) cell.addEventListener('click', () => show(cell))
dialog.querySelector('.close').addEventListener('click', () => dialog.close())
dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close() })
dialog.addEventListener('close', () => { if (current) current.focus() })
document.addEventListener('keydown', (event) => {
  if (!dialog.open) return
  const moves = { ArrowLeft: [cells, -1], ArrowRight: [cells, 1], ArrowUp: [siblingsOf(current), -1], ArrowDown: [siblingsOf(current), 1] }
  const move = moves[event.key]
  if (!move) return
  event.preventDefault()
  step(...move)
})
`
