import { EntityPush } from './entity-push/index.js'
import { createFrameLog } from './frame-log.js'
import { createLatency } from './latency.js'
import { readConfig, takeLink } from './link.js'
import { createCard } from './subscription-card.js'
import { createWire } from './wire.js'

const at = (id) => document.getElementById(id)
const link = takeLink()
const config = await readConfig()
const latency = createLatency()
const wire = createWire(createFrameLog(at('frames'), at('no-frames'), at('clear')))
const open = new Map() // the names of what is subscribed to, by their keys
let push

function showState(state, { until, error } = {}) {
  const reason = error ? `: ${error.cause?.message ?? error.message}` : ''
  const when = until ? `, again in ${Math.max(0, (until - Date.now()) / 1000).toFixed(1)} s` : ''
  at('state').dataset.state = state
  at('state').textContent = state === 'idle' ? 'ready' : state + reason + when
}

/** Whether a token was refused can't be seen by a browser. After two failures it is the likeliest reason. */
function tokenFor(text) {
  let failures = 0
  return ({ afterFailure }) => {
    failures = afterFailure ? failures + 1 : 0
    if (failures > 1 && !wire.isCut) {
      at('trial-note').textContent = 'The handshake fails again and again: has the token ended, or is the URL another one?'
    }
    return text
  }
}

function connect() {
  push?.close()
  const url = at('url').value.trim()
  const token = at('token').value.trim()
  at('trial-note').textContent = ''
  push = new EntityPush({ url, token: token ? tokenFor(token) : undefined, WebSocket: wire.WebSocket })
  push.on('state', showState)
  push.on('error', (error) => console.warn(error))
  at('close').disabled = at('cut').disabled = false
  at('subscriptions').replaceChildren()
  const names = [...open.values()]
  open.clear()
  names.forEach(subscribe)
  showState(push.state)
}

function subscribe(name) {
  const key = JSON.stringify(name)
  if (open.has(key)) return
  if (!push) connect()
  open.set(key, name)
  createCard(at('subscriptions'), push.subscribe(name), latency, () => {
    open.delete(key)
    at('no-subscriptions').hidden = open.size > 0
  })
  at('no-subscriptions').hidden = true
}

async function publish(to, text) {
  if (!push) connect()
  let message = text
  try {
    message = JSON.parse(text)
  } catch {} // then it is a text
  const id = crypto.randomUUID()
  latency.begin(id)
  at('outcome').textContent = 'publishing …'
  try {
    const published = await push.publish(to, message, { id })
    at('outcome').textContent = `published as ${published.id}`
  } catch (error) {
    at('outcome').textContent = `${error.code ?? 'invalid'}: ${error.message}`
  }
}

function toggleNetwork() {
  if (wire.isCut) wire.restore()
  else wire.cut()
  at('cut').setAttribute('aria-pressed', wire.isCut)
  at('cut').textContent = wire.isCut ? 'Restore the network' : 'Cut the network'
}

async function putThree() {
  const entityId = [...open.values()].find((name) => !name.channel && !name.endsWith('*')) ?? at('to').value
  at('trial-note').textContent = 'putting …'
  const answer = await fetch(config.events, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ entityId }),
  })
  const { error } = await answer.json()
  at('trial-note').textContent = error ?? `three events about ${entityId} are on EventBridge`
}

function onSubmit(id, handler) {
  at(id).addEventListener('submit', (event) => {
    event.preventDefault()
    handler()
  })
}

onSubmit('connect', connect)
onSubmit('subscribe', () => {
  subscribe(at('entity').value)
  at('entity').value = ''
})
onSubmit('publish', () => publish(at('to').value, at('message').value))
for (const button of document.querySelectorAll('[data-channel]')) {
  button.onclick = () => subscribe({ channel: button.dataset.channel })
}
at('to-everyone').onclick = () => publish({ channel: 'everyone' }, at('message').value)
at('cut').onclick = toggleNetwork
at('put').hidden = !config.events
at('put').onclick = putThree
at('close').onclick = () => {
  push.close()
  push = undefined
  at('close').disabled = at('cut').disabled = true
}

at('url').value = link.url ?? config.url ?? ''
at('token').value = link.token ?? ''
if (link.subscribe || link.token) {
  connect()
  if (link.subscribe) {
    at('to').value = link.subscribe
    subscribe(link.subscribe)
  }
}
