/**
 * The adapter through which the conformance suite drives this client: JSON lines in, JSON lines out.
 *
 * The orders and reports are in clients/conformance/README.md.
 */
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'
import { EntityPush } from '../src/index.js'
import { VirtualClock } from './virtual-clock.js'
import { installPage } from './page.js'

const FIELDS = 'message id time sequence from ownId version rule callback cursor entityId oversize replayed'.split(
  ' ',
)
const MILLISECONDS = ['maxConnectionAge', 'pingAfter', 'pongTimeout', 'answerTimeout', 'gapWait']
const OF = {
  get_state_failed: 'getState',
  handler_failed: 'handler',
  parse_failed: 'parse',
  connection_lost: 'connection',
}

const write = (report) => process.stdout.write(`${JSON.stringify(report)}\n`)
const page = installPage()
const storage = new Map()

/** One life of a page: what `begin` and `leave` end. */
let life
/** What began with `begin`, and outlives a page. */
let run

class Life {
  alive = true
  sockets = new Set()
  subscriptions = new Map()

  report(report) {
    if (this.alive) write(report)
  }

  /** Let nothing of it run any more, as when a page is gone. */
  end() {
    this.alive = false
    for (const socket of this.sockets) socket.close()
    page.forgetListeners()
  }
}

class Run {
  clock = new VirtualClock()
  random = 0.5
  opened = 0
  closed = 0
  calls = new Map()
  lastCall = 0

  /** Report a call of one of the application's functions, and wait for its outcome. */
  call(from, about) {
    const call = ++this.lastCall
    const outcome = new Promise((resolve, reject) => this.calls.set(call, { resolve, reject }))
    from.report({ report: 'call', call, ...about })
    return outcome
  }
}

/** Return a WebSocket class whose sockets are counted, and tell a page that has gone nothing. */
function countingWebSocket(run, life) {
  return function CountedWebSocket(url, protocols) {
    const socket = new WebSocket(url, protocols)
    run.opened += 1
    life.sockets.add(socket)
    socket.addEventListener('close', () => (run.closed += 1))
    const listening = new Proxy(socket, {
      get: (target, name) => (typeof target[name] === 'function' ? target[name].bind(target) : target[name]),
      set(target, name, listener) {
        target[name] = (event) => life.alive && listener(event)
        return true
      },
    })
    return listening
  }
}

const shown = (update) =>
  Object.fromEntries(FIELDS.filter((name) => name in update).map((name) => [name, update[name]]))

const seconds = (run, milliseconds) => run.clock.elapsed(milliseconds) / 1000

const orders = {
  begin() {
    life?.end()
    storage.clear()
    run = new Run()
    life = new Life()
  },

  client({ url, options = {}, token = true, clock = 'virtual' }) {
    const mine = life
    const given = Object.fromEntries(
      MILLISECONDS.filter((name) => name in options).map((name) => [name, options[name] * 1000]),
    )
    const { backoff, maxHeld, maxPatternEntities } = options
    if (backoff) given.backoff = { first: backoff.first * 1000, most: backoff.most * 1000 }
    for (const [name, value] of Object.entries({ maxHeld, maxPatternEntities })) if (value) given[name] = value
    const client = new EntityPush({
      ...given,
      url,
      token: token ? ({ afterFailure }) => run.call(mine, { function: 'token', afterFailure }) : undefined,
      WebSocket: countingWebSocket(run, mine),
      ...(clock === 'virtual' && { clock: run.clock.forLife(mine), random: () => run.random }),
    })
    mine.persist = Boolean(options.persist)
    mine.client = client
    const reportState = (state, { until, error } = {}) =>
      mine.report({ report: 'state', state, until: until && seconds(run, until), code: error?.code })
    client.on('state', reportState)
    client.on('error', (error) => reportError(mine, error))
    reportState(client.state)
  },

  subscribe({ as, name, channel, getState, parse, throws }) {
    const mine = life
    const subscription = mine.client.subscribe(channel ? { channel } : name, {
      getState: getState ? () => run.call(mine, { function: 'getState', as }) : undefined,
      parse: parse ? integer : undefined,
      persist: mine.persist
        ? { getItem: (key) => storage.get(key) ?? null, setItem: (key, value) => storage.set(key, value) }
        : undefined,
    })
    mine.subscriptions.set(as, subscription)
    const reportState = (state) => mine.report({ report: 'state', as, state, code: subscription.error?.code })
    subscription.on('state', reportState)
    subscription.on('error', (error) => reportError(mine, error, as))
    subscription.on('reset', (state, { latest }) =>
      mine.report({ report: 'reset', as, state, latest: latest ? shown(latest) : undefined }),
    )
    subscription.on('update', (update) => {
      mine.report({ report: 'update', as, update: shown(update) })
      if (throws) throw new Error('a handler that throws')
    })
    reportState(subscription.state)
  },

  ready({ as }) {
    const mine = life
    mine.subscriptions
      .get(as)
      .ready()
      .then(
        () => mine.report({ report: 'ready', as }),
        (error) => mine.report({ report: 'ready', as, error: error.code }),
      )
  },

  unsubscribe: ({ as }) => life.subscriptions.get(as).close(),

  publish({ as, name, channel, message = null, id }) {
    const mine = life
    mine.client.publish(channel ? { channel } : name, message, { id }).then(
      (published) => mine.report({ report: 'published', as, id: published.id }),
      (error) => mine.report({ report: 'rejected', as, code: error.code }),
    )
  },

  signal: ({ signal }) => page.signal(signal),
  random: ({ value }) => (run.random = value),

  answer({ call, value, error, fatal }) {
    const { resolve, reject } = run.calls.get(call)
    if (error === undefined) resolve(value)
    else reject(Object.assign(new Error(error), { fatal }))
  },

  close: () => life.client.close(),

  leave() {
    page.signal('pagehide')
    life.end()
    life = new Life()
  },

  advance: ({ seconds }) => run.clock.advance(seconds * 1000),
  sleep: ({ seconds }) => run.clock.sleep(seconds * 1000),
  jump: ({ seconds }) => run.clock.jump(seconds * 1000),

  together({ orders: several }) {
    for (const order of several) orders[order.do](order)
  },

  async sync({ number }) {
    for (let turn = 0; turn < 20; turn++) {
      run.clock.runDue()
      await new Promise(setImmediate)
    }
    write({ report: 'synced', number, now: run.clock.time / 1000, opened: run.opened, closed: run.closed })
  },
}

function integer(message) {
  if (!Number.isInteger(message)) throw new TypeError(`${message} is not a whole number`)
  return message
}

function reportError(from, { code, message, cause, type }, as) {
  const of = type === 'error' ? 'server' : (OF[code] ?? (cause ? 'token' : 'connection'))
  from.report({ report: 'error', of, as, code, message })
}

write({
  report: 'hello',
  client: 'entity-push (JavaScript)',
  version: '0.1.0',
  has: ['signals', 'persist', 'subprotocol', 'parse'],
})
for await (const line of createInterface({ input: process.stdin })) {
  try {
    const order = JSON.parse(line)
    if (!(order.do in orders)) throw new Error(`unknown order: ${order.do}`)
    await orders[order.do](order)
  } catch (error) {
    write({ report: 'broken', message: error.stack })
  }
}
process.exit()
