/** The sheet of all pictures: only the tiles in sight and a few around them exist. */
export const sheetScript = `
const sheet = byId('sheet')
const field = document.querySelector('.field')
const tiles = new Map()
const loading = new Set()
const atOnce = 6
const least = 150
const around = 3
let columns = 1
let side = least
let cursor = 0
let isDrawing = false
const sheetIsShown = () => !sheet.hidden

function measure() {
  const width = sheet.clientWidth
  columns = Math.max(2, Math.floor(width / least))
  side = Math.floor(width / columns)
}

function drawSheet() {
  if (!sheetIsShown()) return
  measure()
  cursor = Math.max(0, Math.min(cursor, shown.length - 1))
  const high = side + 20
  field.style.height = Math.ceil(shown.length / columns) * high + 'px'
  const first = Math.max(0, Math.floor(sheet.scrollTop / high) - around) * columns
  const end = Math.min(shown.length, (Math.ceil((sheet.scrollTop + sheet.clientHeight) / high) + around) * columns)
  const wanted = new Set(shown.slice(first, end).map(({ id }) => id))
  for (const [id, tile] of tiles) {
    if (wanted.has(id)) continue
    tile.remove()
    tiles.delete(id)
  }
  for (let i = first; i < end; i++) drawTile(shown[i], i, high)
  loadTiles()
  field.setAttribute('aria-activedescendant', 'tile-' + shown[cursor]?.id)
}

function drawTile(row, i, high) {
  const tile = tiles.get(row.id) ?? newTile(row)
  const holder = held.get(row.id)
  // Most tiles are as they were a frame ago.
  const look = [i, columns, side, shown.length, i === cursor, row.revision, holder].join()
  if (tile.look === look) return
  tile.look = look
  tile.offset = Math.floor(i / columns) * high
  tile.style.width = side + 'px'
  tile.style.height = high + 'px'
  tile.style.transform = 'translate(' + (i % columns) * side + 'px,' + tile.offset + 'px)'
  tile.classList.toggle('refused', out.includes(row.state))
  tile.setAttribute('aria-selected', String(i === cursor))
  tile.setAttribute('aria-posinset', String(i + 1))
  tile.setAttribute('aria-setsize', String(shown.length))
  const what = row.state !== 'unreviewed' ? row.state : row.suspected.length > 0 ? row.suspected.map((kind) => suspects[kind]).join(', ') + '?' : row.query
  tile.lastChild.textContent = (holder === undefined ? '' : holder + ' · ') + what
}

/** A few at a time, those in the middle of the window first, so that fast scrolling does not wait for what went by. */
function loadTiles() {
  const middle = sheet.scrollTop + sheet.clientHeight / 2
  const off = ({ offset }) => Math.abs(offset + side / 2 - middle)
  while (loading.size < atOnce) {
    let next
    for (const tile of tiles.values()) if (!tile.isAsked && (next === undefined || off(tile) < off(next))) next = tile
    if (next === undefined) return
    next.isAsked = true
    loading.add(next)
    next.firstChild.src = '/thumbnails/' + next.blob
  }
}

function ended({ target }) {
  if (loading.delete(target.parentElement)) loadTiles()
}

function newTile(row) {
  const tile = element('div', 'tile')
  tile.id = 'tile-' + row.id
  tile.dataset.candidate = row.id
  tile.setAttribute('role', 'option')
  tile.blob = row.blob
  tile.isAsked = false
  const image = element('img', '')
  image.alt = 'picture ' + row.id + ' of the query ' + row.query
  image.decoding = 'async'
  image.addEventListener('load', ended)
  image.addEventListener('error', ended)
  tile.append(image, element('span', '', ''))
  tiles.set(row.id, tile)
  field.append(tile)
  return tile
}

function moveCursor(to) {
  cursor = Math.max(0, Math.min(shown.length - 1, to))
  const high = side + 20
  const top = Math.floor(cursor / columns) * high
  if (top < sheet.scrollTop) sheet.scrollTop = top
  else if (top + high > sheet.scrollTop + sheet.clientHeight) sheet.scrollTop = top + high - sheet.clientHeight
  drawSheet()
  offer()
}

function drawSoon() {
  if (isDrawing) return
  isDrawing = true
  requestAnimationFrame(() => {
    isDrawing = false
    drawSheet()
  })
}

function toggleSheet(on) {
  sheet.hidden = !on
  byId('toggle').setAttribute('aria-pressed', String(on))
  if (!on) return
  const at = view === null ? -1 : shown.findIndex(({ id }) => id === view.entry.id)
  one.hidden = byId('none').hidden = true
  measure()
  drawSheet()
  moveCursor(at >= 0 ? at : place)
  field.focus({ preventScroll: true })
}

sheet.addEventListener('scroll', drawSoon, { passive: true })
addEventListener('resize', drawSoon)
field.addEventListener('click', (event) => {
  const tile = event.target.closest('.tile')
  if (tile) moveCursor(shown.findIndex(({ id }) => String(id) === tile.dataset.candidate))
})
field.addEventListener('dblclick', () => change(openAtCursor))
`
