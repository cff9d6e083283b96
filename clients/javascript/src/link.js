import { createBackoff } from './backoff.js'
import { openConnection } from './connection.js'
import { errorIn, PushError } from './push-error.js'
import { listenForWakeUps } from './wake-ups.js'

/** A reconnect is hurried by an event that many machines may see at once: they are spread over so many ms. */
const HURRY = 1000

/**
 * The link to the server: one connection, again and again.
 *
 * A rotation has two for a moment. The new one is `connection` from its opening on. The old one stays as `previous`
 * until `settled`, and takes over again if the new one is lost before.
 *
 * @param on
 *   - `wanted()` tells whether anybody needs a connection
 *   - `changed(state, detail)` takes the link's states
 *   - `moved()` is called when `connection` is another one, or none
 *   - `received(frame)` takes frames that answer no question
 *   - `told(error)` takes an error after which the link goes on, `failed(error)` the one that ends it
 */
export function createLink(settings, on) {
  const { random, token, connectTimeout, maxConnectionAge, now, setTimeout, clearTimeout } = settings
  const pause = createBackoff(settings)
  const connections = new Set() // all that are not closed
  let current
  let previous
  /** @type {{ timer: any, connection?: ReturnType<typeof openConnection> }} */
  let attempt
  let retry // the timer of the next attempt, which is due
  let due
  let rotation
  let afterFailure = false
  let stopped = false
  const stopListening = listenForWakeUps(wake)

  function connectIn(milliseconds, error) {
    clearTimeout(retry)
    retry = null
    const wanted = on.wanted()
    due = now() + milliseconds
    if (wanted) retry = setTimeout(connect, milliseconds)
    if (!current) on.changed(wanted ? 'waiting' : 'idle', wanted && { until: due, error })
  }

  async function connect() {
    retry = null
    /** @type {typeof attempt} */
    const mine = (attempt = { timer: setTimeout(handshakeFailed, connectTimeout) })
    if (!current) on.changed('connecting')
    try {
      const text = await token?.({ afterFailure })
      if (attempt !== mine) return
      const connection = openConnection(settings, text, {
        opened: () => opened(connection),
        received: (frame) => received(frame, connection),
        works: pause.reset,
        told: on.told,
        deaf() {
          // As if it were lost. It stays open until there is another one: answers may still come.
          lost(connection)
          previous ??= connection
        },
        lost() {
          connections.delete(connection)
          if (attempt === mine) handshakeFailed()
          else lost(connection)
        },
      })
      connections.add((mine.connection = connection))
    } catch (cause) {
      if (attempt !== mine) return
      const error = new PushError(cause?.fatal ? 'given_up' : 'connection_failed', { cause })
      if (cause?.fatal) return fail(error)
      on.told(error)
      giveUp(error)
    }
  }

  function handshakeFailed() {
    afterFailure = true
    giveUp(new PushError('connection_failed'))
  }

  function giveUp(error) {
    endAttempt()?.close()
    connectIn(pause.next(), error)
  }

  /** Return the attempt's connection, if there is one already. */
  function endAttempt() {
    const { timer, connection } = attempt ?? {}
    attempt = null
    clearTimeout(timer)
    return connection
  }

  function opened(connection) {
    endAttempt()
    afterFailure = false
    previous?.retire()
    previous = current
    current = connection
    clearTimeout(rotation)
    rotation = setTimeout(renew, maxConnectionAge * (0.8 + 0.2 * random()))
    on.changed('connected')
    on.moved()
  }

  function lost(connection) {
    if (connection === previous) previous = null
    if (connection !== current) return
    current = previous
    previous = null
    clearTimeout(rotation)
    if (stopped) return
    on.moved()
    if (!attempt) connectIn(pause.next(), new PushError('connection_lost'))
    else if (!current) on.changed('connecting')
  }

  /** @param {import('../types/frames.js').PushedFrame | import('../types/frames.js').Closing} frame */
  function received(frame, connection) {
    if (frame.type !== 'closing') on.received(frame)
    else if (frame.reconnect === false) fail(errorIn(frame))
    else if (connection === current) renew()
  }

  /** Open another connection while this one still works, unless that is under way. */
  function renew() {
    if (!attempt && !retry) connectIn(pause.next())
  }

  function wake() {
    current?.check()
    const soon = random() * HURRY
    if (retry && due - now() > soon) connectIn(soon)
  }

  function close() {
    stopped = true
    stopListening()
    clearTimeout(retry)
    clearTimeout(rotation)
    endAttempt()
    for (const connection of connections) connection.close()
  }

  function fail(error) {
    stopped = true
    on.failed(error)
    close()
  }

  return {
    /** The connection to ask on, or none. */
    get connection() {
      return current
    },

    /** Connect, unless that is under way. */
    want() {
      if (!current && !attempt && !retry) connect()
    },

    /** All that is wanted is subscribed to on the new connection: the old one is not needed any more. */
    settled() {
      previous?.retire()
    },

    close,
  }
}
