/** What keys and buttons do, and the beginning of it all. */
export const decisionsScript = `
const help = byId('help')
const buttons = [...document.querySelectorAll('.verdicts button')]
const kinds = { k: 'keep', x: 'drop', w: 'watermark', c: 'clip-art', d: 'duplicate', n: 'not-duplicate' }
const stale = ['decided-meanwhile', 'held-by-other']
let busy = false
/** The filters changed while something else was under way. */
let isFiltered = false

const current = () => sheetIsShown() ? shown[cursor] : view === null ? undefined : rows.get(view.entry.id)

/** What a kind of decision needs beside the candidate; null where it cannot be made. */
function facts(kind) {
  const row = current()
  if (row === undefined) return null
  if (kind !== 'duplicate' && kind !== 'not-duplicate') return kind === 'keep' && row.state === 'near-duplicate' ? null : {}
  if (sheetIsShown()) return null
  const other = kind === 'duplicate' ? beside : view.entry.duplicateOf
  return other === null ? null : { other }
}

function offer() {
  for (const button of buttons) button.disabled = facts(button.dataset.kind) === null
  byId('edit').disabled = view === null
}

/** One thing at a time, each on the disk before the next. */
async function change(work) {
  if (busy) return
  setBusy(true)
  try {
    trouble.hidden = true
    await work()
  } catch (error) {
    if (stale.includes(error.code)) await refresh().catch(() => undefined)
    tell(error)
  } finally {
    setBusy(false)
    if (isFiltered) change(takeOrLook)
  }
}

function setBusy(on) {
  busy = on
  byId('review').setAttribute('aria-busy', String(on))
}

async function refresh() {
  learn(await ask('/changes', { after: last, looking: view?.entry.id ?? null }))
  if (view !== null && !sheetIsShown()) await lookAt(view.entry.id)
}

async function decide(kind) {
  const row = current()
  const more = facts(kind)
  if (more === null) return
  const isSheet = sheetIsShown()
  const wasListed = shown[isSheet ? cursor : place]?.id === row.id
  const decision = { kind, candidate: row.id, ...more }
  const seen = isSheet ? row.revision : view.entry.revision
  learn(await ask('/decisions', { after: last, seen, decision }))
  // What the filters let through no more has made room for the next one.
  if (isSheet) return moveCursor(shown[cursor]?.id === row.id ? cursor + 1 : cursor)
  const next = wasListed && shown[place]?.id === row.id ? place + 1 : place
  if (['unreviewed', ''].includes(byId('state').value)) return takeFrom(next)
  place = Math.min(next, shown.length - 1)
  return shown[place] === undefined ? arrive(null) : lookAt(shown[place].id)
}

async function undo() {
  const answer = await ask('/undo', { after: last })
  learn(answer)
  if (answer.undone === null) return tell({ code: 'nothing-to-undo', message: 'There is nothing of yours left to undo.' })
  const { candidate } = answer.undone
  const at = shown.findIndex(({ id }) => id === candidate)
  if (sheetIsShown()) return at >= 0 ? moveCursor(at) : undefined
  return lookAt(candidate)
}

async function keepCaption() {
  const text = byId('caption').value
  const { id, revision, caption: before } = view.entry
  if (text !== before) learn(await ask('/decisions', { after: last, seen: revision, decision: { kind: 'caption', candidate: id, text } }))
  await lookAt(id)
}

async function openAtCursor() {
  const row = shown[cursor]
  toggleSheet(false)
  return row === undefined ? arrive(null) : lookAt(row.id)
}

function onList() {
  drawSheet()
  offer()
}

function onFilter() {
  if (sheetIsShown()) moveCursor(0)
  else if (busy) isFiltered = true
  else change(takeOrLook)
}

/** The first to decide on, else the first to look at. */
async function takeOrLook() {
  isFiltered = false
  place = 0
  if (['unreviewed', ''].includes(byId('state').value)) return takeFrom(0)
  return shown.length === 0 ? arrive(null) : lookAt(shown[0].id)
}

async function begin() {
  reviewer = byId('reviewer').value.trim()
  learn(await ask('/changes', { after: 0, looking: null }))
  sessionStorage.setItem('reviewer', reviewer)
  fillFilters()
  list()
  byId('enter').hidden = true
  byId('review').hidden = false
  await takeOrLook()
  setInterval(async () => {
    if (busy) return
    try {
      const looking = view?.entry.id ?? null
      learn(await ask('/changes', { after: last, looking }))
      if (sheetIsShown()) drawSheet()
      else if (view === null && shown.length > 0 && !busy) await change(() => takeFrom(place))
    } catch (error) { tell(error) }
  }, 2000)
}

const inSheet = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -columns, ArrowDown: () => columns, PageUp: () => -columns * 4, PageDown: () => columns * 4, Home: () => -shown.length, End: () => shown.length }

function press(key) {
  if (key === '?') return help.showModal()
  if (key === 'g') return sheetIsShown() ? change(openAtCursor) : toggleSheet(true)
  if (key === 'f') return byId('state').focus()
  if (key === 'u') return change(undo)
  if (kinds[key]) return change(() => decide(kinds[key]))
  if (sheetIsShown()) return inSheet[key] ? moveCursor(cursor + inSheet[key]()) : key === 'Enter' ? change(openAtCursor) : false
  if (key === 'ArrowLeft' || key === 'ArrowRight') return change(() => step(key === 'ArrowLeft' ? -1 : 1))
  if (view === null) return false
  if (key === 'e') return caption(true)
  if (key === ' ') return zoom(!zoomed())
  return /^[1-6]$/.test(key) ? choose(Number(key) - 1) : false
}

document.addEventListener('keydown', (event) => {
  if (event.target.closest('select') && ['Escape', 'Enter'].includes(event.key)) {
    event.preventDefault()
    return event.target.blur()
  }
  if (event.key === 'Escape' && event.target.id === 'caption') {
    event.target.blur()
    return caption(false)
  }
  if (event.ctrlKey || event.metaKey || event.altKey || byId('review').hidden || help.open || event.target.closest('input, select')) return
  if ((event.key === ' ' || event.key === 'Enter') && event.target.closest('button')) return
  if (press(event.key.length === 1 ? event.key.toLowerCase() : event.key) !== false) event.preventDefault()
})
for (const button of buttons) button.addEventListener('click', () => { button.blur(); return change(() => decide(button.dataset.kind)) })
byId('undo').addEventListener('click', () => change(undo))
byId('edit').addEventListener('click', () => caption(true))
byId('toggle').addEventListener('click', (event) => { event.currentTarget.blur(); press('g') })
byId('ask').addEventListener('click', () => help.showModal())
byId('captioning').addEventListener('submit', (event) => {
  event.preventDefault()
  byId('caption').blur()
  change(keepCaption)
})
document.querySelector('#enter form').addEventListener('submit', (event) => {
  event.preventDefault()
  change(begin)
})
addEventListener('pagehide', letGo)
const before = sessionStorage.getItem('reviewer')
if (before !== null) {
  byId('reviewer').value = before
  change(begin)
} else byId('reviewer').focus()
`
