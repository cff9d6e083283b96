import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installPage } from '../conformance/page.js'
import { setUp, update } from './fakes.js'

const MINUTE = 60_000

test('a ping goes out after eight minutes without a frame, and its pong is enough', async () => {
  const it = setUp()
  const { socket } = await it.live()
  await it.clock.advance(8 * MINUTE - 1)
  assert.equal(socket.pings, 0)
  await it.clock.advance(1)
  assert.equal(socket.pings, 1)
  await it.clock.advance(8 * MINUTE)
  assert.equal(socket.pings, 2)
  assert.equal(it.sockets.length, 1)
})

test('a frame puts the ping off', async () => {
  const it = setUp()
  const { socket } = await it.live()
  await it.clock.advance(7 * MINUTE)
  socket.receive(update('e.5'))
  await it.clock.advance(7 * MINUTE)
  assert.equal(socket.pings, 0)
  await it.clock.advance(MINUTE)
  assert.equal(socket.pings, 1)
})

test('without a pong, the connection is dead after ten seconds, and another is opened', async () => {
  const it = setUp()
  const { socket, order } = await it.live()
  socket.answersPings = false
  await it.clock.advance(8 * MINUTE + 9999)
  assert.deepEqual([it.sockets.length, order.state], [1, 'subscribed'])
  await it.clock.advance(1)
  assert.deepEqual([socket.isClosed, order.state], [true, 'stale'])
  await it.clock.advance(250)
  assert.equal(it.sockets.length, 2)
})

test('a page that becomes visible again and again sends one ping, and does not put the end off', async () => {
  const page = installPage()
  const it = setUp()
  const { socket } = await it.live()
  socket.answersPings = false
  for (let second = 0; second < 10; second++) {
    page.signal('visible')
    assert.deepEqual([socket.pings, socket.isClosed], [1, false])
    await it.clock.advance(1000)
  }
  assert.ok(socket.isClosed)
})

test('after three hours of sleep, a dead connection is found in ten seconds', async () => {
  const it = setUp({ maxConnectionAge: 30 * 3_600_000 })
  const { socket } = await it.live()
  socket.answersPings = false
  await it.clock.sleep(3 * 3_600_000)
  assert.equal(socket.pings, 1)
  await it.clock.advance(10_250)
  assert.deepEqual([socket.isClosed, it.sockets.length], [true, 2])
})

test('a timer of a hidden page that is a minute late is no sleep', async () => {
  const it = setUp()
  const { socket } = await it.live()
  await it.clock.sleep(89_000)
  assert.equal(socket.pings, 0)
})

test('a clock that is set back by a day delays no ping', async () => {
  const it = setUp()
  const { socket } = await it.live()
  it.clock.setBack = 24 * 60 * MINUTE
  await it.clock.advance(8 * MINUTE)
  assert.equal(socket.pings, 1)
})
