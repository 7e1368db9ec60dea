/** What the page asks its server, and how it tells what went wrong. */
export const requestsScript = `
const byId = (id) => document.getElementById(id)
const trouble = byId('trouble')
const tab = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
let reviewer = ''

async function ask(path, body) {
  const response = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ tab, reviewer, ...body }) })
  const answer = await response.json()
  if (response.ok) return answer
  throw Object.assign(new Error(answer.error.message), { code: answer.error.code })
}

function tell(error) {
  trouble.textContent = error.code ? error.message : 'The server does not answer; what you decided last may not count. Start phalanx review again, open its new link, and go on.'
  trouble.hidden = false
}

const letGo = () => navigator.sendBeacon('/release', new Blob([JSON.stringify({ tab })], { type: 'application/json' }))
`
