import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installPage } from '../conformance/page.js'
import { EntityPush } from '../src/index.js'
import { failure, notRecovered, record, recovered, settled, setUp, update } from './fakes.js'

test('a client connects when something is wanted, with the token as its second subprotocol', async () => {
  const { push, sockets, clock, states } = setUp()
  await clock.advance(60_000)
  assert.deepEqual([sockets.length, push.state], [0, 'idle'])
  push.subscribe('orders/42')
  await settled()
  assert.deepEqual(sockets[0].protocols, ['websocket', 'token-1'])
  sockets[0].open()
  assert.deepEqual(
    states.map(({ state }) => state),
    ['connecting', 'connected'],
  )
})

test('without a token function, no subprotocol is offered', async () => {
  const { push, sockets } = setUp({ token: undefined })
  push.subscribe('orders/42')
  await settled()
  assert.deepEqual(sockets[0].protocols, [])
})

test('every connect asks for a token, and tells of a failed handshake', async () => {
  const { push, sockets, clock, tokens } = setUp()
  push.subscribe('orders/42')
  await settled()
  sockets[0].drop()
  await clock.advance(1000)
  sockets[1].open()
  sockets[1].drop(1000)
  await clock.advance(1000)
  assert.deepEqual(tokens, [false, true, false])
  assert.equal(sockets.length, 3)
})

test('pauses double up to 30 s, and begin anew once the server has answered', async () => {
  const { push, sockets, clock, states } = setUp()
  push.subscribe('orders/42')
  const pauses = []
  for (let attempt = 0; attempt < 9; attempt++) {
    await settled()
    sockets.at(-1).drop()
    const { state, until, error } = states.at(-1)
    assert.deepEqual([state, error.code], ['waiting', 'connection_failed'])
    pauses.push(until - clock.now())
    await clock.advance(until - clock.now())
  }
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  sockets.at(-1).open()
  sockets.at(-1).drop() // it has answered nothing
  assert.equal(states.at(-1).until - clock.now(), 15_000)
  await clock.advance(15_000)
  sockets.at(-1).open()
  await clock.advance(0)
  sockets.at(-1).answer(() => notRecovered('e.1'))
  sockets.at(-1).drop()
  assert.equal(states.at(-1).until - clock.now(), 250)
})

test('a token function that fails is told of, and called again', async () => {
  const tokens = [new Error('no network'), 'token']
  const { push, sockets, clock, errors } = setUp({
    token: async () => {
      const next = tokens.shift()
      if (next instanceof Error) throw next
      return next
    },
  })
  push.subscribe('orders/42')
  await settled()
  assert.equal(push.state, 'waiting')
  assert.deepEqual(
    errors.map(({ code, cause }) => [code, cause.message]),
    [['connection_failed', 'no network']],
  )
  await clock.advance(250)
  assert.equal(sockets.length, 1)
})

for (const [what, throwing] of [
  ['rejects', async () => Promise.reject(Object.assign(new Error('signed out'), { fatal: true }))],
  [
    'throws',
    () => {
      throw Object.assign(new Error('signed out'), { fatal: true })
    },
  ],
]) {
  test(`a fatal refusal of a token function that ${what} stops everything`, async () => {
    const { push, sockets, clock, states } = setUp({ token: throwing })
    const order = push.subscribe('orders/42')
    const ready = order.ready()
    const published = push.publish('orders/42', 1)
    await clock.advance(3_600_000)
    assert.deepEqual([push.state, states.at(-1).error.cause.message], ['failed', 'signed out'])
    assert.deepEqual([order.state, order.error.code], ['refused', 'given_up'])
    await assert.rejects(ready, { code: 'given_up' })
    await assert.rejects(published, { code: 'closed' })
    assert.equal(push.subscribe('orders/43').state, 'refused')
    assert.deepEqual([sockets.length, clock.timers.size], [0, 0])
  })
}

test('without a WebSocket class, as on Node 20, the client fails and says so', async () => {
  const original = globalThis.WebSocket
  globalThis.WebSocket = undefined
  try {
    const { push, states } = setUp({ WebSocket: undefined })
    push.subscribe('orders/42')
    await settled()
    assert.deepEqual([push.state, states.at(-1).error.cause.message], ['failed', 'no WebSocket'])
  } finally {
    globalThis.WebSocket = original
  }
})

test('a token that never comes, and a handshake without an answer, are given up', async () => {
  let answerLate
  const tokens = [new Promise((resolve) => (answerLate = resolve)), 'token-2', 'token-3']
  const { push, sockets, clock } = setUp({ token: () => tokens.shift() })
  push.subscribe('orders/42')
  await clock.advance(29_999)
  assert.equal(tokens.length, 2)
  await clock.advance(251)
  assert.deepEqual(
    sockets.map(({ protocols }) => protocols[1]),
    ['token-2'],
  )
  answerLate('too late')
  await settled()
  assert.equal(sockets.length, 1)
  await clock.advance(30_000)
  assert.ok(sockets[0].isClosed)
  await clock.advance(500)
  assert.equal(sockets.length, 2)
  sockets[0].open() // of a connection that was given up
  assert.equal(push.state, 'connecting')
})

test('a token function that throws late, after its attempt was given up, disturbs nothing', async () => {
  let throwLate
  const tokens = [new Promise((_resolve, reject) => (throwLate = reject)), 'token-2']
  const { push, sockets, clock, errors, states } = setUp({ token: () => tokens.shift() })
  push.subscribe('orders/42')
  await clock.advance(30_250)
  const before = states.length
  throwLate(Object.assign(new Error('too late'), { fatal: true }))
  await settled()
  assert.deepEqual([states.length, errors, sockets[0].isClosed], [before, [], false])
})

test('a rotation subscribes on the new connection before it closes the old one', async () => {
  const it = setUp()
  const { socket, shown, order } = await it.live()
  await it.clock.advance(0.9 * 6_600_000 - 1)
  assert.equal(it.sockets.length, 1)
  await it.clock.advance(251)
  const next = await it.connected()
  assert.deepEqual(next.take(), [{ action: 'subscribe', entityId: 'orders/42', since: 'e.4', requestId: 1 }])
  assert.ok(!socket.isClosed)
  next.receive({ requestId: 1, ...recovered('e.5', [update('e.5')]) })
  await it.clock.advance(0)
  assert.ok(socket.isClosed)
  assert.deepEqual([shown, order.state, it.push.state], [['e.5 replayed'], 'subscribed', 'connected'])
  assert.ok(!it.states.some(({ state }) => state === 'waiting'))
})

test('the old connection stays while a publish on it is under way', async () => {
  const it = setUp()
  const { socket } = await it.live()
  const published = it.push.publish('orders/42', 1)
  const [asked] = socket.take()
  socket.receive({ type: 'closing', code: 'token_expires', reconnect: true })
  await it.clock.advance(250)
  const next = await it.connected()
  next.answer(() => recovered('e.4'))
  await it.clock.advance(0)
  assert.ok(!socket.isClosed)
  socket.receive({ type: 'published', entityId: 'orders/42', id: 'event-1', requestId: asked.requestId })
  assert.equal((await published).id, 'event-1')
  assert.ok(socket.isClosed)
})

test('a rotation on top of one that is not settled leaves what is under way on the oldest connection', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket } = await it.live()
  const published = it.push.publish('orders/42', 1)
  const [asked] = socket.take()
  await it.clock.advance(1150)
  const second = await it.connected()
  await it.clock.advance(1150)
  const third = await it.connected()
  assert.deepEqual([socket.isClosed, second.isClosed], [false, false])
  socket.receive({ type: 'published', id: 'event-1', requestId: asked.requestId })
  assert.equal((await published).id, 'event-1')
  assert.ok(socket.isClosed)
  it.push.close()
  assert.deepEqual([second.isClosed, third.isClosed, it.clock.timers.size], [true, true, 0])
})

test('when the new connection of a rotation is lost, the old one goes on', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket, shown, order } = await it.live()
  await it.clock.advance(1150)
  const next = await it.connected()
  socket.receive(update('e.5'))
  assert.deepEqual(shown, [])
  next.drop()
  socket.receive(update('e.6'))
  assert.deepEqual([shown, order.state, it.push.state], [['e.5', 'e.6'], 'subscribed', 'connected'])
  await it.clock.advance(500)
  const third = await it.connected()
  assert.equal(third.answer(() => recovered('e.6')).since, 'e.6')
  await it.clock.advance(0)
  assert.ok(socket.isClosed)
})

test('when the old connection of a rotation is lost first, the handshake goes on', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket, order } = await it.live()
  await it.clock.advance(1150)
  socket.drop()
  assert.deepEqual([it.push.state, order.state], ['connecting', 'stale'])
  const next = await it.connected()
  next.answer(() => recovered('e.4'))
  assert.deepEqual([it.push.state, order.state, it.sockets.length], ['connected', 'subscribed', 2])
})

test('an answer on the old connection does not count once the new one is asked', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket, shown } = await it.live()
  socket.receive(update('e.6'))
  await it.clock.advance(200)
  const [hole] = socket.take()
  await it.clock.advance(950)
  const next = await it.connected()
  socket.receive({ requestId: hole.requestId, ...notRecovered('f.1') })
  assert.deepEqual(shown, [])
  next.answer(() => recovered('e.6', [update('e.5'), update('e.6')]))
  assert.deepEqual(shown, ['e.5 replayed', 'e.6 replayed'])
})

test('a subscription that is closed during a rotation does not keep the old connection', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket, order } = await it.live()
  it.push.subscribe('orders/7')
  await it.clock.advance(0)
  socket.answer(() => notRecovered('e.1'))
  await it.clock.advance(1150)
  order.close()
  const next = await it.connected()
  assert.equal(next.answer(() => recovered('e.1')).entityId, 'orders/7')
  await it.clock.advance(0)
  assert.ok(socket.isClosed)
})

test('when the last subscription is closed during a rotation, the old connection is closed all the same', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket, order } = await it.live()
  await it.clock.advance(1150)
  order.close()
  await it.clock.advance(0)
  assert.equal(socket.take()[0].action, 'unsubscribe')
  await it.connected()
  assert.equal(it.sockets.length, 2)
  socket.receive({ type: 'unsubscribed', wasSubscribed: true, requestId: 2 })
  assert.ok(socket.isClosed)
})

test('a hole that is open when a rotation fails is asked for on the old connection', async () => {
  const it = setUp({ maxConnectionAge: 1000 })
  const { socket, shown } = await it.live()
  await it.clock.advance(1150)
  const next = await it.connected()
  socket.receive(update('e.6'))
  next.drop()
  await it.clock.advance(200)
  assert.equal(socket.answer(() => recovered('e.6', [update('e.5'), update('e.6')])).since, 'e.4')
  assert.deepEqual(shown, ['e.5 replayed', 'e.6 replayed'])
})

test('closing: several warnings make one rotation, and reconnect:false stops', async () => {
  const it = setUp()
  const { socket, order } = await it.live()
  for (const code of ['token_expires', 'token_expires', 'made_up']) {
    socket.receive({ type: 'closing', code, reconnect: true })
  }
  await it.clock.advance(250)
  assert.equal(it.sockets.length, 2)
  socket.receive({ type: 'closing', code: 'account_deleted', reconnect: false })
  assert.deepEqual([it.push.state, order.state, order.error.code], ['failed', 'refused', 'account_deleted'])
  await it.clock.advance(60_000)
  assert.deepEqual([it.sockets.length, it.clock.timers.size], [2, 0])
})

test('a connection that nobody needs is not replaced when it is cut', async () => {
  const it = setUp()
  const { socket, order } = await it.live()
  order.close()
  await it.clock.advance(0)
  socket.answer(() => ({ type: 'unsubscribed', wasSubscribed: true }))
  socket.drop(1001)
  assert.equal(it.push.state, 'idle')
  await it.clock.advance(60_000)
  assert.deepEqual([it.sockets.length, it.clock.timers.size], [1, 0])
  it.push.subscribe('orders/42')
  await settled()
  assert.equal(it.sockets.length, 2)
})

test('online, visible and pageshow shorten a pause, and never lengthen one', async () => {
  const page = installPage()
  const it = setUp()
  it.push.subscribe('orders/42')
  for (const signal of ['online', 'visible', 'pageshow']) {
    for (let attempt = 0; attempt < 7; attempt++) {
      await settled()
      it.sockets.at(-1).drop()
      if (attempt < 6) await it.clock.advance(it.states.at(-1).until - it.clock.now())
    }
    const attempts = it.sockets.length
    page.signal(signal)
    await it.clock.advance(499)
    page.signal(signal)
    assert.equal(it.sockets.length, attempts)
    await it.clock.advance(1)
    assert.equal(it.sockets.length, attempts + 1)
  }
  assert.equal(page.listeners(), 3)
  it.push.close()
  assert.equal(page.listeners(), 0)
  const attempts = it.sockets.length
  page.signal('online')
  await it.clock.advance(60_000)
  assert.equal(it.sockets.length, attempts)
})

test('a page that is hidden does nothing', async () => {
  const page = installPage()
  const it = setUp()
  const { socket } = await it.live()
  page.signal('hidden')
  assert.equal(socket.pings, 0)
  page.signal('visible')
  assert.equal(socket.pings, 1)
})

for (const [moment, reach] of [
  ['before the first subscription', async () => {}],
  ['while the token is awaited', async (it) => void it.push.subscribe('orders/42')],
  [
    'during the handshake',
    async (it) => {
      it.push.subscribe('orders/42')
      await settled()
    },
  ],
  [
    'before the answer',
    async (it) => {
      it.push.subscribe('orders/42')
      await it.connected()
    },
  ],
  ['when live', async (it) => void (await it.live())],
  ['during a hole', async (it) => (await it.live()).socket.receive(update('e.9'))],
  ['while waiting', async (it) => (await it.live()).socket.drop()],
  [
    'during a rotation',
    async (it) => {
      const { socket } = await it.live()
      socket.receive({ type: 'closing', code: 'token_expires', reconnect: true })
      await it.clock.advance(250)
      await it.connected()
    },
  ],
  [
    'while the state is fetched',
    async (it) => void (await it.live('e.4', { getState: () => new Promise(() => {}) })),
  ],
  ['after getState has failed', async (it) => void (await it.live('e.4', { getState: () => Promise.reject() }))],
  [
    'after a question has failed',
    async (it) => {
      it.push.subscribe('orders/42')
      const socket = await it.connected()
      socket.answer(() => failure('internal_error'))
    },
  ],
  [
    'before a message is repeated',
    async (it) => {
      const { socket } = await it.live()
      for (const answer of [{ type: 'published', ownId: 'one' }, failure('not_published')]) {
        it.push.publish('orders/42', 1)
        socket.answer(() => answer)
      }
    },
  ],
]) {
  test(`close ${moment} leaves no socket, no timer, and nothing half-way`, async () => {
    const it = setUp()
    await reach(it)
    const late = it.push.subscribe('orders/7')
    const shown = record(late)
    const ready = late.ready()
    const published = it.push.publish('orders/7', 1)
    const sockets = [...it.sockets]
    it.push.close()
    it.push.close()
    await settled()
    await it.clock.advance(200_000_000)
    for (const socket of sockets) assert.ok(socket.isClosed)
    for (const socket of sockets) socket.receive?.(update('e.5'))
    assert.deepEqual([it.push.state, late.state, shown], ['closed', 'closed', []])
    assert.deepEqual([it.sockets.length, it.clock.timers.size], [sockets.length, 0])
    assert.equal(it.states.filter(({ state }) => state === 'closed').length, 1)
    await assert.rejects(ready, { code: 'closed' })
    await assert.rejects(published, ({ code }) => code === 'closed' || code === 'unknown_outcome')
    assert.equal(it.push.subscribe('orders/8').state, 'closed')
    await assert.rejects(it.push.publish('orders/8', 1), { code: 'closed' })
  })
}

test('a client that is closed while it fails is closed, and tells so once', async () => {
  const it = setUp()
  const { socket, order } = await it.live()
  order.on('state', () => it.push.close())
  socket.receive({ type: 'closing', code: 'account_deleted', reconnect: false })
  it.push.close()
  assert.equal(it.push.state, 'closed')
  assert.deepEqual(
    it.states.map(({ state }) => state).filter((state) => state === 'failed' || state === 'closed'),
    ['closed'],
  )
})

test('a server that answers each connection with token_expired is not stormed', async () => {
  const it = setUp()
  it.push.subscribe('orders/42')
  let connections = 0
  const end = it.clock.now() + 60_000
  while (it.clock.now() < end) {
    await settled()
    const socket = it.sockets.at(-1)
    if (socket.sent.length === 0 && !socket.isAnswered) {
      connections++
      socket.isAnswered = true
      socket.open()
      await it.clock.advance(0)
      socket.answer(() => failure('token_expired'))
    }
    await it.clock.advance(50)
  }
  assert.ok(connections < 12, `${connections} connections in a minute`)
})

test('it is made with new', () => {
  assert.equal(new EntityPush({ url: 'wss://example.com' }).state, 'idle')
})
