import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock, notRecovered, recovered, update } from './fakes.js'
import { createOrdering } from '../src/ordering.js'

/** Return an ordering, and what it says. */
function ordering({ pattern = false, since = 'e.4', ...settings } = {}) {
  const clock = new FakeClock()
  const said = []
  const one = createOrdering(
    { gapWait: 200, maxHeld: 1000, maxPatternEntities: 10_000, ...clock, ...settings },
    pattern,
    since,
    (word, value) => said.push(word === 'update' ? (value.cursor ?? value.id) : word),
    (live) => said.push(live ? 'live' : 'behind'),
    () => {},
  )
  const see = (expected) => assert.deepEqual(said.splice(0), expected)
  return { ...one, clock, said, see, receive: (...cursors) => cursors.forEach((cursor) => one.received(update(cursor))) }
}

test('numbers are shown once, in order', () => {
  const it = ordering()
  it.receive('e.5', 'e.5', 'e.3', 'e.6')
  it.see(['e.5', 'e.6'])
})

test('a hole is asked for once, after a wait that begins with the first frame after it', async () => {
  const it = ordering()
  it.receive('e.6')
  await it.clock.advance(150)
  it.receive('e.7')
  await it.clock.advance(49)
  it.see([])
  await it.clock.advance(1)
  it.see(['behind'])
  assert.deepEqual([it.behind(), it.since()], [true, 'e.4'])
  await it.clock.advance(60_000)
  it.see([])
})

test('a hole that is asked for by another question is not asked for again', async () => {
  const it = ordering()
  it.receive('e.6')
  it.asked() // as after a reconnect
  await it.clock.advance(200)
  it.answered(recovered('e.6', [update('e.5'), update('e.6')]))
  it.see(['e.5', 'e.6', 'begin', 'live'])
  assert.equal(it.behind(), false)
})

test('a hole that fills is not asked for, and the next one has a wait of its own', async () => {
  const it = ordering()
  it.receive('e.6')
  await it.clock.advance(150)
  it.receive('e.5')
  it.receive('e.8')
  await it.clock.advance(199)
  it.see(['e.5', 'e.6'])
  await it.clock.advance(1)
  it.see(['behind'])
})

test('what comes while an answer is outstanding follows it', () => {
  const it = ordering()
  it.asked()
  it.receive('e.7', 'e.6', 'e.5')
  it.see([])
  it.answered(recovered('e.5', [update('e.5')]))
  it.see(['e.5', 'begin', 'live', 'e.6', 'e.7'])
})

test('pages are asked for with the cursor of the last one, and recovered counts on the last alone', () => {
  const it = ordering()
  it.asked()
  it.answered(recovered('e.6', [update('e.5'), update('e.6')], { more: true, recovered: false }))
  assert.deepEqual([it.behind(), it.since()], [true, 'e.6'])
  it.asked()
  it.answered(recovered('e.7', [update('e.7')]))
  assert.equal(it.behind(), false)
  it.see(['e.5', 'e.6', 'behind', 'e.7', 'begin', 'live'])
})

test('pages that leave a hole end in a reset, even if the last one says recovered', () => {
  const it = ordering()
  it.asked()
  it.answered(recovered('e.9', [update('e.8'), update('e.9')], { more: true }))
  it.asked()
  it.answered(recovered('e.10', [update('e.10')]))
  it.see(['behind', 'reset', 'begin', 'live'])
  it.receive('e.11')
  it.see(['e.11'])
})

test('what comes between pages that leave a hole is not shown before the reset', () => {
  const it = ordering()
  it.asked()
  it.answered(recovered('e.9', [update('e.8'), update('e.9')], { more: true }))
  it.receive('e.10')
  assert.ok(!it.said.includes('e.10'))
  it.asked()
  it.answered(recovered('e.10', [update('e.10')]))
  assert.deepEqual(it.said.slice(-3), ['reset', 'begin', 'live'])
})

test('another life is asked for, and a reset brings it', async () => {
  const it = ordering()
  it.receive('f.5')
  await it.clock.advance(200)
  it.asked()
  it.answered(notRecovered('f.5'))
  it.receive('f.6')
  it.see(['behind', 'reset', 'begin', 'live', 'f.6'])
})

test('a straggler of the life before is asked for once', async () => {
  const it = ordering({ since: 'f.1' })
  it.receive('e.9')
  await it.clock.advance(200)
  it.asked()
  it.answered(recovered('f.1'))
  await it.clock.advance(60_000)
  it.see(['behind', 'begin', 'live'])
  assert.equal(it.behind(), false)
})

test('a null cursor: unnumbered frames are shown once each, and the first numbered one is asked for', () => {
  const it = ordering({ since: undefined })
  it.asked()
  it.answered(notRecovered(null))
  it.see(['reset', 'begin', 'live'])
  const unnumbered = (id, rest) => it.received({ type: 'Entity Updated', entityId: 'orders/42', id, ...rest })
  unnumbered('one')
  unnumbered('one')
  unnumbered('one', { rule: 'other' })
  it.see(['one', 'one'])
  it.receive('e.1')
  it.see(['behind'])
  assert.deepEqual([it.behind(), it.since()], [true, undefined])
  it.asked()
  it.answered(notRecovered('e.1', { latest: update('e.1') }))
  it.receive('e.1', 'e.2')
  it.see(['reset', 'begin', 'live', 'e.2'])
})

test('too many held frames while an answer is outstanding drop the cursor, and the answer', () => {
  const it = ordering({ maxHeld: 3 })
  it.asked()
  it.receive('e.6', 'e.7', 'e.8', 'e.9')
  it.answered(recovered('e.5', [update('e.5')]))
  assert.deepEqual([it.behind(), it.since()], [true, undefined])
  it.asked()
  it.answered(notRecovered('e.9', { updates: [update('e.9')] }))
  it.receive('e.10')
  it.see(['behind', 'behind', 'reset', 'begin', 'live', 'e.10'])
})

test('too many held frames behind a hole drop the cursor', () => {
  const it = ordering({ maxHeld: 3 })
  it.receive('e.6', 'e.7', 'e.8', 'e.9')
  assert.deepEqual([it.behind(), it.since()], [true, undefined])
})

test('an answer that will not come releases what was held', () => {
  const it = ordering()
  it.asked()
  it.receive('e.5', 'e.7')
  it.lost()
  it.see(['e.5'])
})

test('a pattern: per entity no number twice and no smaller one, each answer gives a reset, and nothing is asked', async () => {
  const it = ordering({ pattern: true, since: undefined })
  const from = (entityId, cursor) => it.received(update(cursor, cursor, { entityId }))
  it.asked()
  it.answered(notRecovered(null))
  from('orders/1', 'e.3')
  from('orders/2', 'g.1')
  from('orders/1', 'e.7')
  from('orders/1', 'e.5')
  from('orders/1', 'f.1')
  from('orders/1', 'e.7')
  it.asked()
  it.answered(notRecovered(null))
  from('orders/1', 'f.1')
  it.see(['reset', 'begin', 'live', 'e.3', 'g.1', 'e.7', 'f.1', 'reset', 'begin', 'live'])
  await it.clock.advance(60_000)
  assert.equal(it.behind(), false)
  assert.equal(it.latest(), null)
})

test('a pattern remembers the entities that were updated last', () => {
  const it = ordering({ pattern: true, since: undefined, maxPatternEntities: 2 })
  it.asked()
  it.answered(notRecovered(null))
  const from = (entityId, cursor) => it.received(update(cursor, cursor, { entityId }))
  from('orders/1', 'a.1')
  from('orders/2', 'b.1')
  from('orders/1', 'a.2')
  from('orders/3', 'c.1') // orders/2 is forgotten
  from('orders/1', 'a.2')
  from('orders/2', 'b.1')
  it.see(['reset', 'begin', 'live', 'a.1', 'b.1', 'a.2', 'c.1', 'b.1'])
})

test('a life may have dots', () => {
  const it = ordering({ since: 'a.b.9' })
  it.receive('a.b.10', 'a.b.9')
  it.see(['a.b.10'])
})
