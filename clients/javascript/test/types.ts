/** What must compile, and what must not. `tsc --noEmit` checks it; nothing runs it. */
import { EntityPush, PushError } from 'entity-push'
import type { Update } from 'entity-push'
import type { ServerFrame } from 'entity-push/frames'
import { useEntities, useEntity } from 'entity-push/react'

interface Order {
  state: string
}

const push = new EntityPush({ url: 'wss://example.com', token: async ({ afterFailure }) => String(afterFailure) })

const order = push.subscribe<Order>('orders/42')
order.on('update', ({ message, sequence }) => {
  const state: string = message.state
  const number: number | undefined = sequence
  // @ts-expect-error: an order has no price
  message.price
})
order.on('reset', (state) => {
  const nothing: undefined = state
})
order.on('state', (state) => {
  // @ts-expect-error: there is no such state
  state === 'connected'
})
// @ts-expect-error: there is no such event
order.on('message', () => {})

push
  .subscribe<Order>('orders/42', { getState: async () => ({ state: 'new' }) })
  .on('reset', ({ state }) => state.trim())

const isOrder = (message: unknown): Order => {
  if (typeof message !== 'object') throw new TypeError('no order')
  return message as Order
}
const parsed = push.subscribe('orders/42', { parse: isOrder, getState: async () => 42 })
parsed.on('update', (update: Update<Order>) => update.message.state)
parsed.on('reset', (state: number, { latest }) => latest?.message.state)

async function read() {
  await order.ready()
  for await (const change of parsed) {
    if (change.type === 'reset') change.state.toFixed()
    else change.message.state.trim()
    // @ts-expect-error: a reset has no message
    change.message
  }
  const { id, ownId } = await push.publish({ channel: 'everyone' }, { any: 'thing' }, { id: 'mine' })
  // @ts-expect-error: nobody publishes to users
  await push.publish({ channel: 'user' }, 1)
  return id + (ownId ?? '')
}

push.subscribe({ channel: 'user' }).close()
push.subscribe('rooms/r1', { persist: sessionStorage })
// @ts-expect-error: there is no such channel
push.subscribe({ channel: 'somebody' })
// @ts-expect-error: a URL is needed
new EntityPush({})
push.on('state', (state, { until, error }) => [
  state === 'waiting' && until,
  error instanceof PushError && error.code,
])

function raw(frame: ServerFrame) {
  if ('type' in frame && frame.type === 'error') {
    // @ts-expect-error: there is no such code
    frame.code === 'no_such_code'
    return frame.code === 'forbidden'
  }
}

function Screen() {
  const { value, stale } = useEntity(push, 'orders/42', {
    getState: async (): Promise<Order> => ({ state: 'new' }),
    reduce: (before, { message }) => ({ ...before, ...message }),
  })
  const text: string | undefined = value?.state
  const values = useEntities<Order>(push, ['orders/1', 'orders/2']).map((entity) => entity.value?.state)
  // @ts-expect-error: the value may be missing
  value.state
  return [text, stale, values]
}
export { raw, read, Screen }
