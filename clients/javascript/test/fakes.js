/** A client with a clock and sockets that the test moves. */
import { EntityPush } from '../src/index.js'

export class FakeClock {
  time = 1_000_000
  timers = new Map()
  #last = 0

  setBack = 0 // by how much somebody has set the time of day back

  now = () => this.time - this.setBack

  setTimeout = (callback, milliseconds) => {
    this.timers.set(++this.#last, { due: this.time + milliseconds, callback })
    return this.#last
  }

  clearTimeout = (timer) => void this.timers.delete(timer)

  /** Let time pass, each timer running when it is due, and promises after each. */
  async advance(milliseconds) {
    const until = this.time + milliseconds
    await settled()
    for (;;) {
      const next = [...this.timers]
        .filter(([, { due }]) => due <= until)
        .sort(([, one], [, other]) => one.due - other.due)[0]
      if (!next) break
      const [id, { due, callback }] = next
      this.timers.delete(id)
      this.time = Math.max(this.time, due)
      callback()
      await settled()
    }
    this.time = until
  }

  /** The machine sleeps: timers that are due meanwhile run late, on waking. */
  async sleep(milliseconds) {
    this.time += milliseconds
    await this.advance(0)
  }
}

export class FakeSocket {
  static all = []
  sent = []
  pings = 0
  answersPings = true
  isClosed = false

  constructor(url, protocols) {
    Object.assign(this, { url, protocols })
    FakeSocket.all.push(this)
  }

  send(text) {
    if (this.isClosed) throw new Error('sent on a closed socket')
    const frame = JSON.parse(text)
    if (frame.action !== 'ping') return void this.sent.push(frame)
    this.pings++
    if (this.answersPings) queueMicrotask(() => this.receive({ type: 'pong' }))
  }

  close() {
    this.isClosed = true
  }

  /** The server accepts the handshake. */
  open() {
    this.onopen({})
  }

  /** The server closes, or refuses the handshake. */
  drop(code = 1006) {
    this.isClosed = true
    this.onerror({})
    this.onclose({ code })
  }

  receive(frame) {
    this.onmessage({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) })
  }

  /** Return the frames that were sent since the last call. */
  take() {
    return this.sent.splice(0)
  }

  /** Answer the oldest frame that was not taken yet, and return it. */
  answer(fields) {
    const asked = this.sent.shift()
    if (!asked) throw new Error('nothing is asked')
    this.receive({ requestId: asked.requestId, ...fields(asked) })
    return asked
  }
}

/** Let all promises that are ready run their course. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))

export const recovered = (cursor, updates = [], rest = {}) => ({
  type: 'subscribed',
  alreadySubscribed: false,
  cursor,
  recovered: true,
  updates,
  more: false,
  latest: null,
  ...rest,
})

export const notRecovered = (cursor, rest = {}) => recovered(cursor, [], { recovered: false, ...rest })

export const update = (cursor, message = cursor, rest = {}) => ({
  type: 'Entity Updated',
  entityId: 'orders/42',
  message,
  id: `event-${cursor}`,
  time: '2026-11-22T18:43:48Z',
  sequence: Number(cursor.split('.').at(-1)),
  cursor,
  ...rest,
})

export const failure = (code, rest = {}) => ({ type: 'error', code, message: `${code}.`, ...rest })

/** Return a client, what it runs on, and what its application was told. */
export function setUp(options = {}) {
  FakeSocket.all = []
  const clock = new FakeClock()
  const tokens = []
  const push = new EntityPush({
    url: 'wss://example.com/prod',
    token: async ({ afterFailure }) => `token-${tokens.push(afterFailure)}`,
    WebSocket: FakeSocket,
    clock,
    random: () => 0.5,
    ...options,
  })
  const errors = []
  const states = []
  push.on('error', (error) => errors.push(error))
  push.on('state', (state, detail) => states.push({ state, ...detail }))
  return {
    push,
    clock,
    tokens,
    errors,
    states,
    get sockets() {
      return FakeSocket.all
    },

    /** Return the newest socket, opened. */
    async connected() {
      await settled()
      const socket = FakeSocket.all.at(-1)
      socket.open()
      await clock.advance(0)
      return socket
    },

    /** Return a subscription to orders/42 that has been answered, and its socket. */
    async live(cursor = 'e.4', subscribeOptions = {}) {
      const order = push.subscribe('orders/42', subscribeOptions)
      const shown = record(order)
      const socket = await this.connected()
      socket.answer(() => ({ entityId: 'orders/42', ...notRecovered(cursor) }))
      await settled()
      shown.splice(0)
      return { order, shown, socket }
    },
  }
}

/** Return a list that grows with what a subscription shows: updates' cursors, and resets. */
export function record(subscription) {
  const shown = []
  subscription.on('reset', (state) => shown.push(state === undefined ? 'reset' : `reset ${state}`))
  subscription.on('update', ({ cursor, id, replayed }) =>
    shown.push(`${cursor ?? id}${replayed ? ' replayed' : ''}`),
  )
  return shown
}
