/** The page's only script. It knows names of images, never what they are of. */
export const ratingScript = `
const byId = (id) => document.getElementById(id)
const screens = ['enter', 'rate', 'rest', 'done'].map(byId)
const images = document.querySelector('.images')
const trouble = byId('trouble')
const pairAnswers = [['ArrowLeft', '←', 'left', 'left'], ['ArrowDown', '↓', 'tie', 'equal'], ['ArrowUp', '↑', 'both-bad', 'both bad'], ['ArrowRight', '→', 'right', 'right']]
const countAnswers = [...Array.from({ length: 10 }, (_, n) => [String(n), '', n, String(n)]), ['u', 'U', 'unclear', 'cannot tell']]
let rater = ''
let view = null
let answers = []
let shownAt = 0
let busy = false
const loaded = new Map()

function show(screen) {
  for (const each of screens) each.hidden = each.id !== screen
}

async function ask(path, body) {
  const response = await fetch(path, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const answer = await response.json()
  if (response.ok) return answer
  throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
}

function load(name) {
  if (!loaded.has(name)) {
    loaded.set(name, fetch('/images/' + name).then(async (response) => {
      if (!response.ok) throw new Error((await response.json()).error.message)
      const image = new Image()
      image.alt = ''
      image.draggable = false
      image.src = URL.createObjectURL(await response.blob())
      await image.decode()
      return image
    }))
    loaded.get(name).catch(() => loaded.delete(name))
  }
  return loaded.get(name)
}

function forget(kept) {
  for (const [name, image] of loaded) {
    if (kept.includes(name)) continue
    loaded.delete(name)
    image.then(({ src }) => URL.revokeObjectURL(src), () => undefined)
  }
}

async function go(next) {
  view = next
  forget([...view.images, ...view.ahead])
  if (view.prompt === null) return show('done')
  const pictures = await Promise.all(view.images.map(load))
  images.replaceChildren(...pictures.map((picture, i) => {
    const frame = document.createElement('div')
    frame.className = 'frame'
    picture.alt = pictures.length === 1 ? 'the image' : i === 0 ? 'left image' : 'right image'
    frame.append(picture)
    return frame
  }))
  const rate = byId('rate')
  rate.classList.toggle('alone', pictures.length === 1)
  rate.classList.toggle('counted', view.mode === 'count')
  zoom(false)
  document.querySelector('.question').textContent = view.question
  document.querySelector('.prompt').textContent = view.prompt
  document.querySelector('.progress').textContent = (view.position + 1) + ' of ' + view.total + timeLeft(view.secondsLeft)
  document.querySelector('#rate .undo').disabled = view.position === 0
  if (view.rest) {
    document.querySelector('.rested').textContent = view.position + ' of ' + view.total + ' are rated' + timeLeft(view.secondsLeft) + '.'
    show('rest')
  } else begin()
  for (const name of view.ahead) load(name).catch(() => undefined)
}

function begin() {
  show('rate')
  shownAt = performance.now()
}

function timeLeft(seconds) {
  if (seconds === null) return ''
  return seconds < 90 ? ', about a minute left' : ', about ' + Math.round(seconds / 60) + ' minutes left'
}

function offer() {
  answers = view.mode === 'pairs' ? pairAnswers : countAnswers
  document.querySelector('.answers').replaceChildren(...answers.map(([, sign, outcome, text]) => {
    const button = document.createElement('button')
    button.type = 'button'
    const key = document.createElement('kbd')
    key.textContent = sign
    button.append(...(sign === '' ? [] : [key]), text)
    button.addEventListener('click', () => vote(outcome))
    return button
  }))
}

function zoom(on) {
  images.classList.toggle('zoomed', on)
  document.querySelector('.zoom').setAttribute('aria-pressed', String(on))
  const [image] = images.querySelectorAll('img')
  const frame = images.querySelector('.frame')
  if (!image || !frame) return
  const fitted = Math.min(frame.clientWidth / image.naturalWidth, frame.clientHeight / image.naturalHeight)
  images.style.setProperty('--scale', on ? Math.max(2, 1 / fitted) : 1)
  pan(.5, .5)
}

function pan(x, y) {
  spot = [x, y].map((share) => Math.min(1, Math.max(0, share)))
  images.style.setProperty('--x', spot[0] * 100 + '%')
  images.style.setProperty('--y', spot[1] * 100 + '%')
}
let spot = [.5, .5]
const zoomed = () => images.classList.contains('zoomed')

async function change(path, body) {
  if (busy) return
  busy = true
  try {
    await go(await ask(path, { rater, position: view.position, ...body }))
    trouble.hidden = true
  } catch (error) {
    tell(error)
    if (error.code === 'vote-out-of-turn') await go(await ask('/raters/' + encodeURIComponent(rater))).catch(tell)
  } finally {
    busy = false
  }
}

function tell(error) {
  trouble.textContent = error.code ? error.message : 'The server does not answer; the vote does not count. Start phalanx rate again, open its new link, and go on.'
  trouble.hidden = false
}

function vote(outcome) {
  if (!byId('rate').hidden) return change('/votes', { outcome, milliseconds: Math.round(performance.now() - shownAt) })
}

const undo = () => change('/undo', {})

document.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault()
  rater = byId('rater').value
  try {
    const first = await ask('/raters/' + encodeURIComponent(rater))
    rater = first.rater
    view = first
    offer()
    trouble.hidden = true
    await go(first)
  } catch (error) {
    tell(error)
  }
})
document.querySelector('.zoom').addEventListener('click', () => zoom(!zoomed()))
for (const button of document.querySelectorAll('.undo')) button.addEventListener('click', undo)
document.querySelector('#rest button').addEventListener('click', begin)
images.addEventListener('pointermove', (event) => {
  const frame = event.target.closest('.frame')
  if (!frame || !zoomed()) return
  const box = frame.getBoundingClientRect()
  pan((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height)
})
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !event.shiftKey || view === null) return
  const moves = { ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, -.1], ArrowDown: [0, .1] }
  if (event.shiftKey && zoomed() && moves[event.key]) {
    event.preventDefault()
    return pan(spot[0] + moves[event.key][0], spot[1] + moves[event.key][1])
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  if (key === 'z') return undo()
  if (key === 'Enter' && !byId('rest').hidden) { event.preventDefault(); return begin() }
  if (byId('rate').hidden) return
  if (key === ' ') { event.preventDefault(); return zoom(!zoomed()) }
  const answer = answers.find(([wanted]) => wanted === key)
  if (answer) { event.preventDefault(); vote(answer[2]) }
})
byId('rater').focus()
`
