import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EntityPush } from '../src/index.js'
import { failure, notRecovered, record, recovered, settled, setUp, update } from './fakes.js'

/** Return a promise with its two ends. */
function deferred() {
  const ends = {}
  ends.promise = new Promise((resolve, reject) => Object.assign(ends, { resolve, reject }))
  return ends
}

/** Return what a subscription to orders/42 is, up to the answer to its first question. */
async function answered(it, options, answer = notRecovered('e.4')) {
  const order = it.push.subscribe('orders/42', options)
  const shown = record(order)
  const socket = await it.connected()
  socket.answer(() => answer)
  await settled()
  return { order, shown, socket }
}

test('a reset waits for the state, and updates that come meanwhile follow it', async () => {
  const it = setUp()
  const state = deferred()
  const { order, shown, socket } = await answered(it, { getState: () => state.promise })
  const ready = order.ready()
  socket.receive(update('e.5'))
  assert.deepEqual([shown, order.state], [[], 'subscribing'])
  state.resolve('four')
  await ready
  assert.deepEqual([shown, order.state], [['reset four', 'e.5'], 'subscribed'])
})

test('without getState, a reset has the latest update', async () => {
  const it = setUp()
  const order = it.push.subscribe('orders/42')
  const resets = []
  order.on('reset', (state, { latest }) => resets.push([state, latest.message, latest.type, latest.replayed]))
  const socket = await it.connected()
  socket.answer(() => notRecovered('e.4', { latest: update('e.4', 'paid') }))
  assert.deepEqual(resets, [[undefined, 'paid', 'update', true]])
})

for (const [how, getState] of [
  [
    'rejects',
    (calls) => async () => {
      if (calls.push(1) === 1) throw new Error('no answer')
      return 'state'
    },
  ],
  [
    'throws',
    (calls) => () => {
      if (calls.push(1) === 1) throw new Error('no answer')
      return 'state'
    },
  ],
]) {
  test(`getState that ${how} is told of, and called again after a pause`, async () => {
    const it = setUp()
    const calls = []
    const { order, shown, socket } = await answered(it, { getState: getState(calls) })
    const told = it.errors.map(({ code, cause }) => [code, cause.message])
    assert.deepEqual(told, [['get_state_failed', 'no answer']])
    socket.receive(update('e.5'))
    assert.deepEqual([shown, order.state, calls.length], [[], 'subscribing', 1])
    await it.clock.advance(249)
    assert.equal(calls.length, 1)
    await it.clock.advance(1)
    assert.deepEqual([shown, order.state], [['reset state', 'e.5'], 'subscribed'])
  })
}

test('a state that comes after a second reset is dropped', async () => {
  const it = setUp()
  const states = [deferred(), deferred()]
  const waiting = [...states]
  const { shown, socket } = await answered(it, { getState: () => waiting.shift().promise })
  socket.drop()
  await it.clock.advance(250)
  const next = await it.connected()
  next.answer(() => notRecovered('f.1'))
  states[0].resolve('old')
  await settled()
  assert.deepEqual(shown, [])
  states[1].resolve('new')
  await settled()
  assert.deepEqual(shown, ['reset new'])
})

test('a getState that fails after a second reset is not told of, nor repeated', async () => {
  const it = setUp()
  const states = [deferred(), deferred()]
  const waiting = [...states]
  const { socket } = await answered(it, { getState: () => waiting.shift().promise })
  socket.drop()
  await it.clock.advance(250)
  const next = await it.connected()
  next.answer(() => notRecovered('f.1'))
  states[0].reject(new Error('old'))
  await it.clock.advance(60_000)
  assert.deepEqual([it.errors, waiting], [[], []])
})

test('too many updates while the state is fetched begin another reset', async () => {
  const it = setUp({ maxHeld: 2 })
  const states = [deferred(), deferred()]
  const waiting = [...states]
  const { shown, socket } = await answered(it, { getState: () => waiting.shift().promise })
  for (const cursor of ['e.5', 'e.6', 'e.7', 'e.8']) socket.receive(update(cursor))
  states[0].resolve('four')
  states[1].resolve('seven')
  await settled()
  assert.deepEqual(shown, ['reset seven', 'e.8'])
})

test('a subscription that comes later begins with a state of its own, and disturbs nobody', async () => {
  const it = setUp()
  const { shown, socket } = await it.live()
  socket.receive(update('e.5'))
  const late = record(it.push.subscribe('orders/42', { getState: () => 'five' }))
  await it.clock.advance(0)
  socket.receive(update('e.6'))
  assert.deepEqual([shown, late, socket.take()], [['e.5', 'e.6'], ['reset five', 'e.6'], []])
})

test('one that comes later without a state begins with the last update', async () => {
  const it = setUp()
  const { socket } = await it.live()
  socket.receive(update('e.5', 'paid'))
  const late = it.push.subscribe('orders/42')
  const resets = []
  late.on('reset', (state, { latest }) => resets.push(latest.message))
  await settled()
  assert.deepEqual([resets, late.state], [['paid'], 'subscribed'])
})

test('one that comes while a hole is asked for begins with the answer', async () => {
  const it = setUp()
  const { socket, shown } = await it.live()
  socket.receive(update('e.6'))
  await it.clock.advance(200)
  const late = record(it.push.subscribe('orders/42', { getState: () => 'six' }))
  await it.clock.advance(0)
  assert.deepEqual(late, [])
  socket.answer(() => recovered('e.6', [update('e.5'), update('e.6')]))
  await settled()
  socket.receive(update('e.7'))
  assert.deepEqual(
    [shown, late],
    [
      ['e.5 replayed', 'e.6 replayed', 'e.7'],
      ['reset six', 'e.7'],
    ],
  )
})

test('a rotation changes no state', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { order } = await it.live()
  const states = []
  order.on('state', (state) => states.push(state))
  await it.clock.advance(1150)
  const next = await it.connected()
  next.answer(() => recovered('e.4'))
  assert.deepEqual(states, [])
})

test('a getState that failed is not called again once another reset has called it', async () => {
  const it = setUp()
  let calls = 0
  const { order } = await answered(it, {
    getState: async () => {
      if (++calls === 1) throw new Error('no answer')
      return calls
    },
  })
  order.refresh()
  await it.clock.advance(60_000)
  assert.equal(calls, 2)
})

test('states: stale while the connection is lost or a hole is open, and subscribed again', async () => {
  const it = setUp()
  const { order, socket } = await it.live()
  const states = []
  order.on('state', (state) => states.push(state))
  socket.receive(update('e.6'))
  assert.equal(order.state, 'subscribed') // it may be late
  await it.clock.advance(200)
  assert.equal(order.state, 'stale')
  socket.answer(() => recovered('e.6', [update('e.5'), update('e.6')]))
  socket.drop()
  await it.clock.advance(250)
  const next = await it.connected()
  next.answer(() => recovered('e.6'))
  assert.deepEqual(states, ['stale', 'subscribed', 'stale', 'subscribed'])
})

test('a handler that throws or rejects is told of, and stops no other', async () => {
  const it = setUp()
  const { order, shown, socket } = await it.live()
  const last = []
  order.on('update', () => {
    throw new Error('thrown')
  })
  order.on('update', async () => {
    throw new Error('rejected')
  })
  order.on('update', ({ cursor }) => last.push(cursor))
  socket.receive(update('e.5'))
  socket.receive(update('e.6'))
  await settled()
  assert.deepEqual(
    [shown, last],
    [
      ['e.5', 'e.6'],
      ['e.5', 'e.6'],
    ],
  )
  const told = it.errors.map(({ code, event, cause }) => `${code} ${event} ${cause.message}`).sort()
  const each = ['handler_failed update rejected', 'handler_failed update thrown']
  assert.deepEqual(told, [each[0], ...each, each[1]])
})

test('an error goes to the subscription, or to the client, or to the console', async (t) => {
  const it = setUp()
  const { order, socket } = await it.live()
  const own = []
  const off = order.on('error', (error) => own.push(error.code))
  order.on('update', () => {
    throw new Error('thrown')
  })
  socket.receive(update('e.5'))
  assert.deepEqual([own, it.errors], [['handler_failed'], []])
  off()
  socket.receive(update('e.6'))
  assert.equal(it.errors.length, 1)

  const silent = new EntityPush({
    url: 'wss://example.com',
    token: () => {
      throw new Error('no network')
    },
  })
  const printed = t.mock.method(console, 'error', () => {}).mock
  it.push.on('error', () => {
    throw new Error('an error handler that throws')
  })
  socket.receive(update('e.7'))
  silent.subscribe('orders/42')
  await settled()
  silent.close()
  assert.deepEqual(
    printed.calls.map(({ arguments: [error] }) => error.cause?.message ?? error.message),
    ['an error handler that throws', 'no network'],
  )
})

test('a handler may close its subscription, or the client: nothing more is shown', async () => {
  for (const what of ['subscription', 'client']) {
    const it = setUp()
    const state = deferred()
    const { order, shown, socket } = await answered(it, { getState: () => state.promise })
    order.on('reset', () => (what === 'client' ? it.push : order).close())
    socket.receive(update('e.5'))
    state.resolve('four')
    await settled()
    assert.deepEqual([shown, order.state], [['reset four'], 'closed'])
  }
})

test('one of two that closes the other in its handler', async () => {
  const it = setUp()
  const { order, socket } = await it.live()
  const other = it.push.subscribe('orders/42')
  const shown = record(other)
  order.on('reset', () => other.close())
  await settled()
  shown.splice(0)
  socket.drop()
  await it.clock.advance(250)
  const next = await it.connected()
  next.answer(() => notRecovered('f.1'))
  assert.deepEqual(shown, [])
})

test('a refused subscription tells why, and one made in its handler is asked for', async () => {
  const it = setUp()
  const order = it.push.subscribe('orders/42')
  let again
  order.on('state', (state, { error }) => {
    assert.deepEqual(
      [state, error.code, error.message, error.entityId],
      ['refused', 'forbidden', 'forbidden.', 'orders/42'],
    )
    again = it.push.subscribe('orders/42')
  })
  const ready = order.ready()
  const socket = await it.connected()
  socket.answer(() => failure('forbidden', { entityId: 'orders/42' }))
  await assert.rejects(ready, { code: 'forbidden' })
  await it.clock.advance(0)
  socket.answer(() => notRecovered('e.4'))
  assert.deepEqual([order.state, again.state], ['refused', 'subscribed'])
})

test('nobody has to wait for ready', async () => {
  const it = setUp()
  it.push.subscribe('orders/42').ready()
  it.push.close()
  await settled() // an unhandled rejection would fail the test
})

test('parse: what it returns is the message; what it refuses is told, and leaves no hole', async () => {
  const it = setUp()
  const parse = (message) => {
    if (typeof message !== 'number') throw new TypeError('no number')
    return message * 2
  }
  const { order, shown, socket } = await it.live('e.4', { parse })
  const messages = []
  order.on('update', ({ message }) => messages.push(message))
  socket.receive(update('e.5', 1))
  socket.receive(update('e.6', 'one'))
  socket.receive(update('e.7', 2))
  const { message, ...withoutMessage } = update('e.8')
  socket.receive({ ...withoutMessage, oversize: true })
  assert.deepEqual(messages, [2, 4, undefined])
  assert.deepEqual(shown, ['e.5', 'e.7', 'e.8'])
  assert.deepEqual(
    it.errors.map((error) => [error.code, error.update.cursor]),
    [['parse_failed', 'e.6']],
  )
  await it.clock.advance(1000)
  assert.deepEqual(socket.take(), [])
})

test('iterating gives resets and updates, and ends when the subscription is closed', async () => {
  const it = setUp()
  const order = it.push.subscribe('orders/42', { getState: () => 'state' })
  const seen = []
  const reading = (async () => {
    for await (const change of order) seen.push(change.type === 'reset' ? change.state : change.cursor)
  })()
  const socket = await it.connected()
  socket.answer(() => notRecovered('e.4'))
  await settled()
  socket.receive(update('e.5'))
  await settled()
  socket.receive(update('e.6'))
  order.close()
  await reading
  assert.deepEqual(seen, ['state', 'e.5', 'e.6'])
})

test('iterating throws when the subscription is refused', async () => {
  const it = setUp()
  const order = it.push.subscribe('orders/42')
  const reading = assert.rejects(
    async () => {
      for await (const _change of order);
    },
    { code: 'forbidden' },
  )
  const socket = await it.connected()
  socket.answer(() => failure('forbidden'))
  await reading
})

test('an iterator that nobody reads is bounded: a reset follows', async () => {
  const it = setUp({ maxHeld: 3 })
  const { order, socket } = await it.live('e.4', { getState: () => 'state' })
  const changes = order[Symbol.asyncIterator]()
  for (const cursor of ['e.5', 'e.6', 'e.7', 'e.8', 'e.9']) socket.receive(update(cursor))
  await settled()
  const read = [(await changes.next()).value, (await changes.next()).value]
  assert.deepEqual([read[0].state, read[1].cursor], ['state', 'e.9'])
  await changes.return()
  assert.equal((await changes.next()).done, true)
})

test('an iterator that was left keeps nothing any more', async () => {
  const it = setUp({ maxHeld: 2 })
  let fetches = 0
  const { order, socket } = await it.live('e.4', { getState: () => ++fetches })
  const reading = (async () => {
    for await (const _change of order) break
  })()
  for (const cursor of ['e.5', 'e.6']) socket.receive(update(cursor))
  await reading
  for (const cursor of ['e.7', 'e.8', 'e.9', 'e.10']) socket.receive(update(cursor))
  await settled()
  assert.equal(fetches, 1)
})

test('persist: a new page asks with the cursor of the last one, and begins without a reset', async () => {
  const kept = new Map()
  const persist = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) }
  const first = setUp()
  const { socket } = await first.live('e.4', { persist })
  socket.receive(update('e.5'))
  first.push.close()

  const second = setUp()
  const order = second.push.subscribe('orders/42', { persist })
  const shown = record(order)
  const next = await second.connected()
  assert.equal(next.answer(() => recovered('e.6', [update('e.6')])).since, 'e.5')
  assert.deepEqual([shown, order.state], [['e.6 replayed'], 'subscribed'])
  second.push.close()

  const third = setUp()
  const withState = third.push.subscribe('orders/42', { persist, getState: () => 'state' })
  const shownWithState = record(withState)
  const last = await third.connected()
  assert.equal(last.answer(() => notRecovered('e.6')).since, undefined)
  await settled()
  assert.deepEqual(shownWithState, ['reset state'])
})

test('persist: a cursor that is of no use any more ends in a reset', async () => {
  const persist = { getItem: () => 'old.1', setItem: () => {} }
  const it = setUp()
  const order = it.push.subscribe('orders/42', { persist })
  const shown = record(order)
  const socket = await it.connected()
  socket.answer(() => notRecovered('e.4'))
  assert.deepEqual(shown, ['reset'])
})

test('persist: where there is no history, a new page begins anew', async () => {
  const kept = new Map()
  const persist = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) }
  const first = setUp()
  await first.live(null, { persist })
  first.push.close()
  const second = setUp()
  const shown = record(second.push.subscribe('orders/42', { persist }))
  const socket = await second.connected()
  assert.equal(socket.answer(() => notRecovered(null)).since, undefined)
  assert.deepEqual([shown, kept.size], [['reset'], 1])
})

test('a storage that is full is told of, and updates go on', async () => {
  const persist = {
    getItem: () => null,
    setItem: () => {
      throw new Error('full')
    },
  }
  const it = setUp()
  const { shown, socket } = await it.live('e.4', { persist })
  socket.receive(update('e.5'))
  assert.deepEqual(shown, ['e.5'])
  assert.equal(it.errors.at(-1).cause.message, 'full')
})

test('refresh fetches the state anew', async () => {
  const it = setUp()
  let count = 0
  const { order, shown } = await it.live('e.4', { getState: () => ++count })
  order.refresh()
  assert.equal(order.state, 'stale')
  await settled()
  assert.deepEqual([shown, order.state], [['reset 2'], 'subscribed'])
  order.close()
  order.refresh()
  assert.equal(count, 2)
})
