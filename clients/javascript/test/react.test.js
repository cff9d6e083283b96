import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { JSDOM } from 'jsdom'
import { failure, notRecovered, recovered, setUp, settled, update } from './fakes.js'

const { window } = new JSDOM('<div id="root"></div>')
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true })
const { act, createElement, StrictMode, useState } = await import('react')
const { createRoot } = await import('react-dom/client')
const { renderToString } = await import('react-dom/server')
const { useEntities, useEntity } = await import('../src/react.js')

const roots = []
afterEach(() => act(() => roots.splice(0).forEach((root) => root.unmount())))

/** Render a component in strict mode. Return what it has shown, the last at the end, and its root. */
async function render(component) {
  const root = createRoot(document.getElementById('root'))
  roots.push(root)
  await act(async () => root.render(createElement(StrictMode, null, createElement(component))))
  return root
}

/** Return a component that calls a hook and keeps what it returns. */
function showing(hook) {
  const shown = []
  const component = () => {
    shown.push(hook())
    return null
  }
  return { component, shown, last: () => shown.at(-1) }
}

const connected = (it) => act(() => it.connected())
const receive = (socket, frame) => act(async () => socket.receive(frame))
const answer = (socket, fields) =>
  act(async () => {
    socket.answer(fields)
    await settled()
  })

test('in strict mode, an entity is subscribed to once, shown, and left when the component goes', async () => {
  const it = setUp()
  let fetches = 0
  const { component, last } = showing(() =>
    useEntity(it.push, 'orders/42', {
      getState: async () => ({ fetches: ++fetches, seen: [] }),
      reduce: (value, { cursor }) => ({ ...value, seen: [...value.seen, cursor] }),
    }),
  )
  const root = await render(component)
  assert.deepEqual(last(), { value: undefined, state: 'subscribing', stale: true, error: undefined })
  const socket = await connected(it)
  assert.equal(socket.sent.length, 1)
  await answer(socket, () => notRecovered('e.4'))
  await receive(socket, update('e.5'))
  assert.deepEqual(last(), {
    value: { fetches: 1, seen: ['e.5'] },
    state: 'subscribed',
    stale: false,
    error: undefined,
  })

  await act(async () => socket.drop())
  assert.deepEqual([last().stale, last().state, last().value.seen], [true, 'stale', ['e.5']])
  await act(() => it.clock.advance(250))
  const next = await connected(it)
  assert.equal(next.sent.length, 1)
  await answer(next, () => recovered('e.5'))
  assert.equal(last().stale, false)

  await act(async () => root.render(null))
  await it.clock.advance(0)
  assert.deepEqual(
    next.sent.map(({ action }) => action),
    ['unsubscribe'],
  )
})

test('without getState and reduce, the value is the last message', async () => {
  const it = setUp()
  const { component, last } = showing(() => useEntity(it.push, { channel: 'user' }))
  await render(component)
  const socket = await connected(it)
  await answer(socket, () => notRecovered('e.4', { latest: update('e.4', 'four') }))
  assert.equal(last().value, 'four')
  await receive(socket, { ...update('e.5', 'five'), type: 'User Push Notification', entityId: undefined })
  assert.equal(last().value, 'five')
})

test('the functions of the last render are called, without subscribing anew', async () => {
  const it = setUp()
  let setFactor
  const { component, last } = showing(() => {
    const [factor, set] = useState(1)
    setFactor = set
    return useEntity(it.push, 'orders/42', {
      parse: (message) => message + factor,
      reduce: (value, { message }) => message * factor,
    })
  })
  await render(component)
  const socket = await connected(it)
  await answer(socket, () => notRecovered('e.4'))
  await act(async () => setFactor(10))
  await receive(socket, update('e.5', 5))
  await it.clock.advance(0)
  assert.deepEqual([last().value, socket.sent], [150, []])
})

test('another name shows another entity, and nothing of the one before', async () => {
  const it = setUp()
  let setName
  const { component, last, shown } = showing(() => {
    const [name, set] = useState('orders/42')
    setName = set
    return { name, ...useEntity(it.push, name) }
  })
  await render(component)
  const socket = await connected(it)
  await answer(socket, () => notRecovered('e.4', { latest: update('e.4', 'of 42') }))
  await act(async () => setName('orders/7'))
  await act(() => it.clock.advance(0))
  const actions = socket.take().map(({ action, entityId }) => `${action} ${entityId}`)
  assert.deepEqual(actions, ['subscribe orders/7', 'unsubscribe orders/42'])
  await receive(socket, update('e.5', 'of 42'))
  assert.ok(shown.every(({ name, value }) => name === 'orders/42' || value === undefined))
  await act(async () => setName(undefined))
  assert.deepEqual([last().value, last().state], [undefined, 'subscribing'])
})

test('of several, those that stay keep their subscriptions and values', async () => {
  const it = setUp()
  const fetched = []
  let setNames
  const { component, last } = showing(() => {
    const [names, set] = useState(['orders/1', 'orders/2'])
    setNames = set
    return useEntities(it.push, names, { getState: (name) => `state of ${fetched.push(name) && name}` })
  })
  await render(component)
  const socket = await connected(it)
  await answer(socket, () => ({ type: 'answers', answers: [notRecovered('a.1'), notRecovered('b.1')] }))
  assert.deepEqual(
    last().map(({ value }) => value),
    ['state of orders/1', 'state of orders/2'],
  )
  await act(async () => setNames(['orders/2', 'orders/3']))
  await act(() => it.clock.advance(0))
  assert.deepEqual(
    last().map(({ value }) => value),
    ['state of orders/2', undefined],
  )
  assert.deepEqual(fetched, ['orders/1', 'orders/2'])
  assert.deepEqual(
    socket.sent.map(({ action, entityId }) => `${action} ${entityId}`),
    ['subscribe orders/3', 'unsubscribe orders/1'],
  )
})

test('two components share one subscription', async () => {
  const it = setUp()
  const one = showing(() => useEntity(it.push, 'orders/42'))
  const other = showing(() => useEntity(it.push, 'orders/42'))
  await render(() => [createElement(one.component, { key: 1 }), createElement(other.component, { key: 2 })])
  const socket = await connected(it)
  assert.equal(socket.sent.length, 1)
  await answer(socket, () => notRecovered('e.4'))
  await receive(socket, update('e.5', 'five'))
  assert.deepEqual([one.last().value, other.last().value], ['five', 'five'])
})

test('an update that was too large makes the state be fetched', async () => {
  const it = setUp()
  let fetches = 0
  const { component, last } = showing(() => useEntity(it.push, 'orders/42', { getState: () => ++fetches }))
  await render(component)
  const socket = await connected(it)
  await answer(socket, () => notRecovered('e.4'))
  const { message, ...rest } = update('e.5')
  await receive(socket, { ...rest, oversize: true })
  assert.deepEqual([last().value, last().state], [2, 'subscribed'])
})

test('a refusal is shown, and so is a client that is closed already', async () => {
  const it = setUp()
  const { component, last } = showing(() => useEntity(it.push, 'orders/42'))
  await render(component)
  const socket = await connected(it)
  await answer(socket, () => failure('forbidden'))
  assert.deepEqual([last().state, last().error.code, last().stale], ['refused', 'forbidden', true])
  it.push.close()
  const late = showing(() => useEntity(it.push, 'orders/7'))
  await render(late.component)
  assert.equal(late.last().state, 'closed')
})

test('another client takes over all subscriptions', async () => {
  const first = setUp()
  let setPush
  const { component, last } = showing(() => {
    const [push, set] = useState(first.push)
    setPush = set
    return useEntity(push, 'orders/42')
  })
  await render(component)
  const socket = await connected(first)
  await answer(socket, () => notRecovered('e.4', { latest: update('e.4', 'of the first') }))
  const second = setUp()
  await act(async () => setPush(second.push))
  await act(() => first.clock.advance(0))
  assert.deepEqual(
    socket.sent.map(({ action }) => action),
    ['unsubscribe'],
  )
  assert.equal(last().value, undefined)
  await connected(second)
  assert.equal(second.sockets.at(-1).sent.length, 1)
})

test('nothing of a client that is closed is shown as of the next one', async () => {
  const first = setUp()
  const second = setUp()
  let setPush
  const { component, last, shown } = showing(() => {
    const [push, set] = useState(first.push)
    setPush = set
    return { push, ...useEntity(push, 'orders/42') }
  })
  await render(component)
  const socket = await connected(first)
  await answer(socket, () => notRecovered('e.4', { latest: update('e.4', 'of the first') }))
  await act(async () => first.push.close())
  assert.deepEqual([last().value, last().state], ['of the first', 'closed'])
  await act(async () => setPush(second.push))
  assert.deepEqual([last().value, last().state], [undefined, 'subscribing'])
  assert.ok(shown.every(({ push, value }) => push === first.push || value === undefined))
})

test('a server renders what nothing is known of, and subscribes to nothing', () => {
  const it = setUp()
  const component = () => useEntity(it.push, 'orders/42').state
  assert.equal(renderToString(createElement(component)), 'subscribing')
  assert.equal(it.push.state, 'idle')
})
