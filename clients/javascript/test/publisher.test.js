import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, recovered, settled, setUp } from './fakes.js'

const published = ({ id, ...rest } = {}) => ({ type: 'published', id: 'event-1', ...rest })

/** Return a live client whose server has shown that it knows ids. */
async function withIds() {
  const it = setUp()
  const { socket } = await it.live()
  const first = it.push.publish('orders/42', 1)
  socket.answer(({ id }) => published({ ownId: id }))
  await first
  return { ...it, socket, connected: it.connected }
}

test('a message carries an id of its own, and resolves with the id of its event', async () => {
  const it = setUp({ random: Math.random })
  const { socket } = await it.live()
  const messages = [
    it.push.publish('orders/42', { state: 'paid' }),
    it.push.publish('rooms/r1', 'hello'),
    it.push.publish({ channel: 'everyone' }, null, { id: 'mine' }),
  ]
  const [one, two, three] = socket.sent
  assert.deepEqual(one, {
    action: 'publish',
    entityId: 'orders/42',
    message: { state: 'paid' },
    id: one.id,
    requestId: 2,
  })
  assert.deepEqual(two, { action: 'publish', entityId: 'rooms/r1', message: 'hello', id: two.id, requestId: 3 })
  assert.deepEqual(three, { action: 'onMessage', message: null, id: 'mine', requestId: 4 })
  assert.notEqual(one.id, two.id)
  for (let answers = 0; answers < 3; answers++) socket.answer(({ id }) => published({ ownId: id }))
  assert.deepEqual(
    (await Promise.all(messages)).map(({ id, ownId }) => [id, ownId]),
    [
      ['event-1', one.id],
      ['event-1', two.id],
      ['event-1', 'mine'],
    ],
  )
})

test('an answer without ownId shows that the server does not know ids', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const timers = it.clock.timers.size
  const first = it.push.publish('orders/42', 1)
  socket.answer(() => published())
  await first
  assert.equal(it.clock.timers.size, timers)
  const message = it.push.publish('orders/42', 2)
  socket.drop()
  await assert.rejects(message, { code: 'unknown_outcome' })
})

test('publishing alone opens a connection, and waits for it', async () => {
  const it = setUp()
  const message = it.push.publish('orders/42', 1)
  const socket = await it.connected()
  socket.answer(() => published())
  assert.equal((await message).id, 'event-1')
})

test('publishing alone goes on after a handshake that failed', async () => {
  const it = setUp()
  const message = it.push.publish('orders/42', 1)
  await settled()
  it.sockets[0].drop()
  await it.clock.advance(250)
  const socket = await it.connected()
  socket.answer(() => published())
  assert.equal((await message).id, 'event-1')
})

test('a dead connection that closes late makes no message go out twice', async () => {
  const it = await withIds()
  it.socket.answersPings = false
  it.push.publish('orders/42', 2)
  await it.clock.advance(20_250)
  const next = await it.connected()
  assert.equal(next.take().filter(({ action }) => action === 'publish').length, 1)
  it.socket.drop()
  await it.clock.advance(0)
  assert.deepEqual(next.take(), [])
})

test('what the server refuses is rejected with its code, and not repeated', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const message = it.push.publish('orders/42', 1)
  socket.answer(() => failure('forbidden', { entityId: 'orders/42' }))
  await assert.rejects(message, { code: 'forbidden', message: 'forbidden.', entityId: 'orders/42' })
  await it.clock.advance(60_000)
  assert.deepEqual(socket.take(), [])
})

for (const [what, end, code] of [
  ['the connection is lost', (socket) => socket.drop(), 'unknown_outcome'],
  ['the event is not confirmed', (socket) => socket.answer(() => failure('not_published')), 'not_published'],
  ['something fails on the server', (socket) => socket.answer(() => failure('internal_error')), 'internal_error'],
  [
    'API Gateway fails',
    (socket) => socket.receive({ message: 'Internal server error', requestId: 'xyz=' }),
    'unknown_outcome',
  ],
]) {
  test(`when ${what}, a message is rejected if the server may not know its id`, async () => {
    const it = setUp()
    const { socket } = await it.live()
    const message = it.push.publish('orders/42', 1)
    end(socket)
    await assert.rejects(message, { code })
    await it.clock.advance(1000)
    const later = it.sockets.at(-1) === socket ? socket : await it.connected()
    assert.deepEqual(
      later.sent.filter(({ action, requestId }) => action === 'publish' && requestId !== 2),
      [],
    )
  })

  test(`when ${what}, a message is repeated with its id if the server knows it`, async () => {
    const it = await withIds()
    const message = it.push.publish('orders/42', 2)
    const { id } = it.socket.sent[0]
    end(it.socket)
    await it.clock.advance(0)
    assert.deepEqual(
      it.socket.take().filter(({ requestId }) => requestId > 3),
      [],
    )
    await it.clock.advance(250)
    let socket = it.socket
    if (socket.isClosed) {
      socket = await it.connected()
      socket.answer(() => recovered('e.4'))
    }
    assert.equal(socket.answer(() => published()).id, id)
    assert.equal((await message).id, 'event-1')
  })
}

test('a message that closes the connection for its size is not sent again, to close the next one', async () => {
  const it = await withIds()
  const message = it.push.publish('orders/42', 'm'.repeat(32_768))
  it.socket.drop(1009)
  await assert.rejects(message, { code: 'unknown_outcome' })
  await it.clock.advance(250)
  const next = await it.connected()
  assert.deepEqual(
    next.take().map(({ action }) => action),
    ['subscribe'],
  )
})

test('a message that was not taken for its expired token goes out with a new one', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const message = it.push.publish('orders/42', 1)
  socket.answer(() => failure('token_expired'))
  await it.clock.advance(250)
  const next = await it.connected()
  next.answer(() => recovered('e.4'))
  next.answer(() => published())
  assert.equal((await message).id, 'event-1')
})

test('a message without an answer is not sent twice unless the server knows its id', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const message = it.push.publish('orders/42', 1)
  socket.take()
  await it.clock.advance(19_999)
  assert.deepEqual(socket.take(), [])
  await it.clock.advance(1)
  await assert.rejects(message, { code: 'unknown_outcome' })
})

test('every message is settled within four minutes', async () => {
  const it = setUp({ token: () => new Promise(() => {}) })
  const message = it.push.publish('orders/42', 1)
  let outcome
  message.catch(({ code }) => (outcome = code))
  await it.clock.advance(239_999)
  assert.equal(outcome, undefined)
  await it.clock.advance(1)
  assert.equal(outcome, 'not_sent')
})

test('nobody has to wait for the outcome', async () => {
  const it = setUp()
  it.push.publish('orders/42', 1)
  it.push.close()
  await settled() // an unhandled rejection would fail the test
})

test('nobody publishes to a user, least of all to everyone by mistake', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const message = it.push.publish({ channel: 'user' }, 'secret')
  assert.equal(socket.answer(() => failure('invalid_entity_id')).action, 'publish')
  await assert.rejects(message, { code: 'invalid_entity_id' })
})

test('what is no JSON is rejected, and harms nothing', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const cycle = {}
  cycle.cycle = cycle
  await assert.rejects(it.push.publish('orders/42', cycle), TypeError)
  const message = it.push.publish('orders/42', 1)
  socket.answer(() => published())
  await message
})
