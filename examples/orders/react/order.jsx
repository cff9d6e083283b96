import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { EntityPush } from 'entity-push'
import { useEntity } from 'entity-push/react'

async function get(path) {
  const answer = await fetch(path)
  if (!answer.ok) throw Error(`${path}: ${answer.status}`)
  return answer
}

const { url } = await (await get('/config')).json()
const push = new EntityPush({ url, token: async () => (await get('/push-token')).text() })

const options = {
  getState: async (name) => (await get(`/${name}`)).json(),
  // The state that was fetched may have an update already that comes after it: its version tells.
  reduce: (order, { message }) => (message.version > order.version ? message : order),
}

function Order({ id }) {
  const { value: order, stale, error } = useEntity(push, `orders/${id}`, options)
  return (
    <main aria-busy={stale}>
      <h1>Order {id}</h1>
      <p>
        State: <strong aria-live="polite">{order?.state ?? '…'}</strong>
      </p>
      <button onClick={() => fetch(`/orders/${id}`, { method: 'POST' })}>Move on</button>
      <p role="status">{error ? error.message : stale ? 'catching up …' : 'live'}</p>
    </main>
  )
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <Order id={new URLSearchParams(location.search).get('id') ?? '42'} />
  </StrictMode>,
)
