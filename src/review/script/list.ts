/** All candidates, those that the filters let through in the order asked for, and how far the review is. */
export const listScript = `
const rows = new Map()
const held = new Map()
const filters = ['state', 'suspected', 'query', 'source', 'order'].map(byId)
const out = ['dropped', 'watermark', 'clip-art', 'duplicate', 'near-duplicate']
let last = 0
let pace = null
let shown = []

function learn({ last: line, rows: changed, others, secondsLeft }) {
  last = line
  pace = secondsLeft
  for (const row of changed) rows.set(row.id, row)
  held.clear()
  for (const { candidate, reviewer: who } of others) held.set(candidate, who)
  if (changed.length > 0) list()
  tellProgress()
}

function list() {
  const [state, suspected, query, source, order] = filters.map((select) => select.value)
  const lets = (row) => (state === '' || row.state === state) && (suspected === '' || row.suspected.includes(suspected)) && (query === '' || row.query === query) && (source === '' || row.source === source)
  shown = [...rows.values()].filter(lets)
  const compare = orders[order || 'suspicion'].compare
  if (compare !== null) shown.sort(compare)
  onList()
}

const pixels = (row) => row.width * row.height
const suspicion = (row) => row.suspicion ?? -1
const suspects = { watermark: 'watermark', clipArt: 'clip-art', littleDetail: 'little detail' }
const orders = {
  suspicion: { words: 'most suspicious first', compare: (a, b) => suspicion(b) - suspicion(a) || a.id - b.id },
  found: { words: 'as found', compare: null },
  smallest: { words: 'smallest first', compare: (a, b) => pixels(a) - pixels(b) || a.id - b.id },
}

function fillFilters() {
  const all = [...rows.values()]
  const options = {
    state: [['', 'every state'], ...[...new Set(['unreviewed', 'kept', ...out])].map((name) => [name, name])],
    suspected: [['', 'whatever it looks like'], ...Object.entries(suspects).map(([name, words]) => [name, 'looks like ' + words])],
    query: [['', 'every query'], ...[...new Set(all.map((row) => row.query))].map((name) => [name, name === '' ? '(none)' : name])],
    source: [['', 'every source'], ...[...new Set(all.map((row) => row.source))].map((name) => [name, name])],
    order: Object.entries(orders).map(([name, { words }]) => [name, words]),
  }
  for (const select of filters) {
    select.replaceChildren(...options[select.id].map(([value, words]) => new Option(words, value)))
    // Who chose with the keyboard may go on choosing; after the pointer, keys are for the pictures again.
    let isPointed = false
    select.addEventListener('pointerdown', () => { isPointed = true })
    select.addEventListener('keydown', () => { isPointed = false })
    select.addEventListener('change', () => {
      if (isPointed) select.blur()
      list()
      onFilter()
    })
  }
  byId('state').value = 'unreviewed'
}

function tellProgress() {
  let [decided, total] = [0, 0]
  for (const { state } of rows.values()) {
    if (state === 'near-duplicate') continue
    total++
    if (state !== 'unreviewed') decided++
  }
  const left = pace === null || decided === total ? '' : pace < 90 ? ', about a minute left' : ', about ' + Math.round(pace / 60).toLocaleString('en') + ' minutes left'
  const people = new Set([...held.values()].filter((who) => who !== reviewer))
  const company = people.size === 0 ? '' : ' · also here: ' + [...people].join(', ')
  document.querySelector('.progress').textContent = decided.toLocaleString('en') + ' of ' + total.toLocaleString('en') + ' decided' + left + company
}
`
