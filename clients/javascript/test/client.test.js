import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, notRecovered, record, recovered, settled, setUp, update } from './fakes.js'

const unsubscribed = { type: 'unsubscribed', wasSubscribed: true }

/** Answer a question about several entities, each with what `answer` returns for it. */
const answerEach = (socket, answer) =>
  socket.answer(({ entityIds }) => ({ type: 'answers', answers: entityIds.map(answer) }))

test('subscriptions go out together: patterns and channels first and alone, entities in frames of 25', async () => {
  const it = setUp()
  for (let number = 1; number <= 51; number++) it.push.subscribe(`items/${number}`)
  it.push.subscribe({ channel: 'user' })
  it.push.subscribe('orders/*')
  const timers = it.clock.timers.size
  it.push.subscribe('orders/7').close()
  assert.equal(it.clock.timers.size, timers)
  const socket = await it.connected()
  const frames = socket.take()
  assert.deepEqual(
    frames.map(({ entityId, entityIds, channel }) => entityId ?? channel ?? entityIds.length),
    ['orders/*', 'user', 25, 25, 'items/51'],
  )
  assert.equal(new Set(frames.map(({ requestId }) => requestId)).size, 5)
})

test('after a reconnect, each entity is asked for with its own cursor', async () => {
  const it = setUp()
  it.push.subscribe('orders/1')
  it.push.subscribe('orders/2')
  it.push.subscribe('orders/3')
  const socket = await it.connected()
  answerEach(socket, (id) => notRecovered(id === 'orders/3' ? null : `e${id.at(-1)}.4`))
  socket.receive(update('e2.5', 1, { entityId: 'orders/2' }))
  socket.drop()
  await it.clock.advance(250)
  const next = await it.connected()
  assert.deepEqual(next.sent[0].since, { 'orders/1': 'e1.4', 'orders/2': 'e2.5' })
})

test('two subscriptions to one entity are one: one frame, and an unsubscribe after the last', async () => {
  const it = setUp()
  const { order, shown, socket } = await it.live()
  const other = it.push.subscribe('orders/42')
  await it.clock.advance(0)
  order.close()
  await it.clock.advance(1000)
  assert.deepEqual(socket.take(), [])
  other.close()
  socket.receive(update('e.5'))
  await it.clock.advance(0)
  assert.deepEqual(socket.take(), [{ action: 'unsubscribe', entityId: 'orders/42', requestId: 2 }])
  assert.deepEqual(shown, [])
})

test('closing and subscribing again at once sends nothing', async () => {
  const it = setUp()
  const { order, socket } = await it.live()
  order.close()
  const again = it.push.subscribe('orders/42')
  const shown = record(again)
  it.push.subscribe('orders/7').close()
  await it.clock.advance(1000)
  assert.deepEqual([socket.take(), shown, again.state], [[], ['reset'], 'subscribed'])
})

test('subscribing while the answer to unsubscribe is outstanding waits for it, and begins anew', async () => {
  const it = setUp()
  const { order, socket } = await it.live()
  order.close()
  await it.clock.advance(0)
  const again = it.push.subscribe('orders/42')
  const shown = record(again)
  await it.clock.advance(0)
  socket.receive(update('e.5'))
  assert.equal(socket.sent.length, 1)
  assert.deepEqual(shown, [])
  socket.answer(() => unsubscribed)
  await it.clock.advance(0)
  assert.equal(socket.answer(() => notRecovered('e.5')).since, undefined)
  assert.deepEqual([shown, again.state], [['reset'], 'subscribed'])
})

test('unsubscribing while the answer to subscribe is outstanding is told to the server after it', async () => {
  const it = setUp()
  const order = it.push.subscribe('orders/42')
  const shown = record(order)
  const socket = await it.connected()
  order.close()
  await it.clock.advance(0)
  assert.equal(socket.sent.length, 1)
  socket.answer(() => notRecovered('e.4'))
  await it.clock.advance(0)
  assert.equal(socket.answer(() => unsubscribed).action, 'unsubscribe')
  assert.deepEqual(shown, [])
})

test('one frame serves an entity and the patterns that cover it, and nobody else', async () => {
  const it = setUp()
  const names = ['*', 'orders/*', 'orders/42', 'orders/42/*', 'orders', 'orders-old/*', { channel: 'user' }]
  const shown = names.map((name) => record(it.push.subscribe(name)))
  const socket = await it.connected()
  while (socket.sent.length) {
    if (socket.sent[0].entityIds) answerEach(socket, () => notRecovered('e.4'))
    else socket.answer(() => notRecovered(socket.sent[0]?.channel ? 'u.1' : null))
  }
  socket.receive(update('e.5'))
  const theirs = shown.map((list) => list.slice(1))
  assert.deepEqual(theirs, [['e.5'], ['e.5'], ['e.5'], [], [], [], []])
})

test("the user's and everyone's channel have frames of their own types; the user's is never left", async () => {
  const it = setUp()
  const user = it.push.subscribe({ channel: 'user' })
  const shown = [record(user), record(it.push.subscribe({ channel: 'everyone' }))]
  const socket = await it.connected()
  for (let answers = 0; answers < 2; answers++) {
    socket.answer(({ channel }) => ({ channel, ...notRecovered(channel === 'user' ? 'u.1' : 'v.1') }))
  }
  socket.receive({ ...update('u.2'), type: 'User Push Notification', entityId: undefined })
  socket.receive({ ...update('v.2'), type: 'Broadcast', entityId: undefined })
  assert.deepEqual(shown, [
    ['reset', 'u.2'],
    ['reset', 'v.2'],
  ])
  user.close()
  await it.clock.advance(1000)
  assert.deepEqual(socket.take(), [])
})

test('a room is an entity', async () => {
  const it = setUp()
  it.push.subscribe('rooms/r1')
  const socket = await it.connected()
  assert.equal(socket.sent[0].entityId, 'rooms/r1')
})

test('each answer of several counts for its own entity', async () => {
  const it = setUp()
  const orders = ['orders/1', 'orders/2', 'orders/3'].map((name) => it.push.subscribe(name))
  const socket = await it.connected()
  const answers = {
    'orders/1': notRecovered('e.1'),
    'orders/2': failure('forbidden'),
    'orders/3': failure('internal_error'),
  }
  answerEach(socket, (id) => answers[id])
  await it.clock.advance(249)
  assert.deepEqual(
    orders.map(({ state }) => state),
    ['subscribed', 'refused', 'subscribing'],
  )
  assert.deepEqual([socket.take(), it.errors.map(({ code }) => code)], [[], ['internal_error']])
  await it.clock.advance(1)
  assert.equal(socket.answer(() => notRecovered('e.1')).entityId, 'orders/3')
  assert.equal(orders[2].state, 'subscribed')
})

test('an answer that the server has left out is asked for again', async () => {
  const it = setUp()
  it.push.subscribe('orders/1')
  const second = it.push.subscribe('orders/2')
  const socket = await it.connected()
  socket.answer(() => ({ type: 'answers', answers: [notRecovered('e.1')] }))
  await it.clock.advance(250)
  assert.equal(socket.answer(() => notRecovered('e.1')).entityId, 'orders/2')
  assert.equal(second.state, 'subscribed')
})

for (const code of ['token_expired', 'connection_gone']) {
  for (const form of ['alone', 'among answers']) {
    test(`${code} ${form}: what was subscribed is stale, and asked for on another connection with a new token`, async () => {
      const it = setUp()
      const { order, socket } = await it.live()
      const others = [it.push.subscribe('orders/7'), it.push.subscribe('orders/8')]
      await it.clock.advance(0)
      if (form === 'alone') socket.answer(() => failure(code))
      else answerEach(socket, () => failure(code))
      assert.equal(order.state, 'stale')
      await it.clock.advance(250)
      assert.equal(it.tokens.length, 2)
      const next = await it.connected()
      assert.deepEqual(next.sent[0].entityIds, ['orders/42', 'orders/7', 'orders/8'])
      assert.deepEqual(next.sent[0].since, { 'orders/42': 'e.4' })
      answerEach(next, (id) => (id === 'orders/42' ? recovered('e.4') : notRecovered('e.1')))
      await it.clock.advance(0)
      assert.deepEqual(
        [order, ...others].map(({ state }) => state),
        ['subscribed', 'subscribed', 'subscribed'],
      )
      assert.ok(socket.isClosed)
    })
  }
}

test("API Gateway's own frames: all that is asked is asked again after growing pauses, and the subscription waits", async () => {
  const it = setUp()
  const order = it.push.subscribe('orders/42')
  const socket = await it.connected()
  const [first] = socket.take()
  for (const [message, pause] of [
    ['Too Many Requests', 250],
    ['Internal server error', 500],
  ]) {
    socket.receive({ message, connectionId: 'abc=', requestId: 'xyz=' })
    await it.clock.advance(pause - 1)
    assert.deepEqual(socket.take(), [])
    await it.clock.advance(1)
    assert.equal(socket.sent.length, 1)
    if (pause === 250) socket.take()
  }
  socket.receive({ requestId: first.requestId, ...notRecovered('x.9') }) // of the question before
  assert.equal(order.state, 'subscribing')
  socket.answer(() => notRecovered('e.4'))
  assert.equal(order.state, 'subscribed')
  assert.deepEqual(
    it.errors.map(({ message }) => message),
    ['Too Many Requests', 'Internal server error'],
  )
})

test('pauses after errors begin anew once there was an answer', async () => {
  const it = setUp()
  const { socket } = await it.live()
  for (const cursor of ['e.6', 'e.8']) {
    socket.receive(update(cursor))
    await it.clock.advance(200)
    socket.answer(() => failure('internal_error'))
    await it.clock.advance(250)
    socket.answer(() => recovered(cursor))
  }
})

test('internal_error about a hole: it is asked for again, and what comes meanwhile is held', async () => {
  const it = setUp()
  const { shown, socket } = await it.live()
  socket.receive(update('e.6'))
  await it.clock.advance(200)
  socket.answer(() => failure('internal_error'))
  socket.receive(update('e.7'))
  assert.deepEqual(shown, [])
  await it.clock.advance(250)
  socket.answer(() => recovered('e.6', [update('e.5'), update('e.6')]))
  assert.deepEqual(shown, ['e.5 replayed', 'e.6 replayed', 'e.7'])
})

test('invalid_cursor, even about a hole: the client asks without it, and a reset follows', async () => {
  const it = setUp()
  const { shown, socket } = await it.live()
  socket.receive(update('e.6'))
  await it.clock.advance(200)
  socket.answer(() => failure('invalid_cursor'))
  await it.clock.advance(0)
  assert.equal(socket.answer(() => notRecovered('f.1')).since, undefined)
  assert.deepEqual(shown, ['reset'])
})

test('an answer that never comes: the client asks again once, then gives the connection up', async () => {
  const it = setUp()
  it.push.subscribe('orders/42')
  const socket = await it.connected()
  const [first] = socket.take()
  await it.clock.advance(9999)
  assert.deepEqual(socket.take(), [])
  await it.clock.advance(1)
  assert.deepEqual(socket.take(), [first])
  await it.clock.advance(9999)
  assert.ok(!socket.isClosed)
  await it.clock.advance(1)
  assert.ok(socket.isClosed)
})

test('a connection that is lost between pages goes on from the last one', async () => {
  const it = setUp()
  const { shown, socket, order } = await it.live()
  socket.drop()
  await it.clock.advance(250)
  const second = await it.connected()
  second.answer(() => recovered('e.6', [update('e.5'), update('e.6')], { more: true }))
  await it.clock.advance(0)
  assert.equal(second.take()[0].since, 'e.6')
  second.drop()
  await it.clock.advance(500)
  const third = await it.connected()
  assert.equal(order.state, 'stale')
  assert.equal(third.answer(() => recovered('e.7', [update('e.7')])).since, 'e.6')
  assert.deepEqual([shown, order.state], [['e.5 replayed', 'e.6 replayed', 'e.7 replayed'], 'subscribed'])
})

test('unknown frames change nothing, and an error about nothing is told', async () => {
  const it = setUp()
  const { shown, socket } = await it.live()
  for (const frame of [
    'null',
    '[1]',
    '7',
    '{"no":"type"}',
    '{"type":"made_up","entityId":"orders/42","sequence":9}',
  ]) {
    socket.receive(frame)
  }
  socket.receive({ requestId: 'never-asked', entityId: 'orders/42', ...recovered('x.1') })
  socket.receive(failure('invalid_json'))
  socket.receive({ ...update('e.5'), madeUp: true })
  await it.clock.advance(1000)
  assert.deepEqual([shown, socket.take(), it.errors.map(({ code }) => code)], [['e.5'], [], ['invalid_json']])
})

test('a frame that is garbled, or lacks what it must have, is told of and costs the connection', async () => {
  const without = (frame, field) => ({ ...frame, [field]: undefined })
  for (const frame of [
    '{"type":"Entity Updated","mes~age',
    without(update('e.5'), 'cursor'),
    without(update('e.5'), 'entityId'),
    { requestId: 2, ...without(recovered('e.5'), 'updates') },
    { requestId: 2, type: 'error' },
  ]) {
    const it = setUp()
    const { socket } = await it.live()
    const other = it.push.subscribe('orders/*')
    await it.clock.advance(0)
    socket.receive(frame)
    if (frame.type === 'error') {
      assert.deepEqual([other.state, other.error.code], ['refused', undefined])
      continue
    }
    assert.deepEqual([it.errors.map(({ code }) => code), socket.isClosed], [['invalid_frame'], true])
    await it.clock.advance(250)
    assert.deepEqual(
      (await it.connected()).sent.map(({ entityId, since }) => [entityId, since]),
      [
        ['orders/*', undefined],
        ['orders/42', 'e.4'],
      ],
    )
  }
})

test('an entity may be called as properties of objects are', async () => {
  const it = setUp()
  for (const name of ['__proto__', 'constructor']) it.push.subscribe(name)
  const socket = await it.connected()
  answerEach(socket, () => notRecovered('e.4'))
  socket.drop()
  await it.clock.advance(250)
  const next = await it.connected()
  assert.deepEqual(Object.entries(next.sent[0].since), [
    ['__proto__', 'e.4'],
    ['constructor', 'e.4'],
  ])
})
