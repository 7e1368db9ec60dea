/** One picture with what is known of it, and one that looks like it beside it. */
export const oneScript = `
const one = byId('one')
const pictures = document.querySelector('.pictures')
let view = null
let beside = null
let place = 0
let spot = [.5, .5]
const ahead = 3
const asked = 100

const megabytes = (size) => size < 1e6 ? Math.round(size / 1e3) + ' kB' : (size / 1e6).toFixed(1) + ' MB'
const sizeOf = ({ width, height, size }) => width + ' × ' + height + ', ' + megabytes(size)

function element(name, className, text) {
  const made = document.createElement(name)
  made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

function picture(blob, alt, folder) {
  const image = new Image()
  image.alt = alt
  image.draggable = false
  image.decoding = 'async'
  image.src = folder + blob
  return image
}

function figure(blob, alt, words, state) {
  const made = element('figure', '')
  const frame = element('div', 'frame')
  frame.append(picture(blob, alt, '/pictures/'))
  const caption = element('figcaption', '', words)
  if (state !== 'unreviewed') caption.append(' · ', element('b', '', state))
  made.append(frame, caption)
  return made
}

function showOne() {
  byId('none').hidden = view !== null || sheetIsShown()
  one.hidden = view === null || sheetIsShown()
  if (view === null) return tellNone()
  one.dataset.candidate = view.entry.id
  const { entry, alike, lines, heldBy } = view
  if (!alike.some(({ id }) => id === beside)) beside = alike.find(({ distance, id, gaveWay }) => id === entry.duplicateOf || gaveWay || distance <= 6)?.id ?? null
  const other = alike.find(({ id }) => id === beside)
  pictures.replaceChildren(
    figure(entry.blob, 'the picture', sizeOf({ ...entry.image }), entry.state),
    ...(other === undefined ? [] : [figure(other.blob, 'the one beside it', sizeOf(other) + ', ' + other.distance + ' of 64 bits apart', other.gaveWay ? 'gave way' : other.state)]),
  )
  zoom(false)
  document.querySelector('.words').textContent = entry.caption === '' ? 'no caption' : entry.caption
  document.querySelector('.facts').textContent = [
    'caption from ' + entry.captionSource + (entry.earlierCaptions.length === 0 ? '' : ', was: ' + entry.earlierCaptions.map(({ caption }) => caption || '(none)').join(' → ')),
    'query ' + (entry.query || '(none)') + ' · ' + entry.source,
    ...rows.get(entry.id).suspected.map((kind) => 'looks like ' + suspects[kind]),
    'licence ' + entry.licence + (entry.creator === null ? '' : ' · ' + entry.creator),
    entry.url,
  ].join('\\n')
  document.querySelector('.lines').textContent = lines.map(describeLine).join('\\n')
  document.querySelector('.alike').replaceChildren(...alike.map((near, i) => {
    const button = element('button', '')
    button.type = 'button'
    button.setAttribute('aria-pressed', String(near.id === beside))
    button.append(picture(near.blob, '', '/thumbnails/'), (i + 1) + ' · ' + near.distance + ' bits · ' + near.width + ' × ' + near.height)
    button.addEventListener('click', () => choose(i))
    return button
  }))
  caption(false)
  if (heldBy !== null) tell({ code: 'held', message: heldBy + ' looks at this picture, too.' })
  offer()
  for (const { blob } of shown.slice(place + 1, place + 1 + ahead)) new Image().src = '/pictures/' + blob
}

function describeLine({ reviewer: who, time, kind, newText, other }) {
  return new Date(time).toLocaleString() + ' · ' + who + ': ' + kind + (newText === null ? '' : ' “' + newText + '”') + (other === null ? '' : ' of ' + other)
}

function tellNone() {
  const [title, words] = byId('none').children
  const left = shown.length
  title.textContent = left > 0 ? 'Others look at what is left' : byId('state').value === 'unreviewed' ? 'Everything is decided' : 'Nothing is here'
  words.textContent = left > 0 ? 'Wait a moment, or choose another filter.' : 'Every decision is on the disk. Choose another filter to look again, or close this page and freeze the set.'
  offer()
}

function choose(i) {
  const near = view?.alike[i]
  if (near === undefined) return
  beside = beside === near.id ? null : near.id
  showOne()
}

/** The first from a place on, and around, on which nobody decided and that nobody looks at. */
async function takeFrom(from) {
  const order = [...shown.slice(from), ...shown.slice(0, from)].filter(({ state, id }) => state === 'unreviewed' && !held.has(id)).map(({ id }) => id)
  for (let i = 0; i < order.length; i += asked) {
    const answer = await ask('/take', { wanted: order.slice(i, i + asked) })
    if (answer.view !== null) return arrive(answer.view)
  }
  arrive(null)
}

async function lookAt(id) {
  arrive((await ask('/look', { candidate: id })).view)
}

function arrive(next) {
  view = next
  const at = next === null ? -1 : shown.findIndex(({ id }) => id === next.entry.id)
  if (at >= 0) place = at
  showOne()
}

function step(by) {
  const isListed = view !== null && shown[place]?.id === view.entry.id
  const next = shown[isListed || by < 0 ? place + by : place]
  return next === undefined ? undefined : lookAt(next.id)
}

function zoom(on) {
  pictures.classList.toggle('zoomed', on)
  pictures.style.setProperty('--scale', on ? 3 : 1)
  pan(.5, .5)
}

function pan(x, y) {
  spot = [x, y].map((share) => Math.min(1, Math.max(0, share)))
  pictures.style.setProperty('--x', spot[0] * 100 + '%')
  pictures.style.setProperty('--y', spot[1] * 100 + '%')
}
const zoomed = () => pictures.classList.contains('zoomed')

function caption(on) {
  byId('captioning').hidden = !on
  document.querySelector('.caption').hidden = on
  if (!on) return
  byId('caption').value = view.entry.caption
  byId('caption').focus()
  byId('caption').select()
}

pictures.addEventListener('pointermove', (event) => {
  const frame = event.target.closest('.frame')
  if (!frame || !zoomed()) return
  const box = frame.getBoundingClientRect()
  pan((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height)
})
`
