import { EntityPush } from '/entity-push/index.js'

const id = new URLSearchParams(location.search).get('id') ?? '42'
const at = (name) => document.getElementById(name)

async function get(path) {
  const answer = await fetch(path)
  if (!answer.ok) throw Error(`${path}: ${answer.status}`)
  return answer
}

const { url } = await (await get('/config')).json()
const push = new EntityPush({ url, token: async () => (await get('/push-token')).text() })
const subscription = push.subscribe(`orders/${id}`, { getState: async () => (await get(`/orders/${id}`)).json() })
let order

function show(next) {
  order = next
  at('state').textContent = order.state
}

// The state that was fetched may have an update already that comes after it: its version tells.
subscription.on('reset', show)
subscription.on('update', ({ message }) => {
  if (message.version > order.version) show(message)
})
subscription.on('state', (state, { error }) => {
  at('order').ariaBusy = state !== 'subscribed'
  at('live').textContent = error ? error.message : state === 'subscribed' ? 'live' : 'catching up …'
})

at('id').textContent = id
at('move-on').onclick = () => fetch(`/orders/${id}`, { method: 'POST' })
