import { createBackoff } from './backoff.js'
import { isOver } from './connection.js'
import { createOrdering } from './ordering.js'
import { errorIn } from './push-error.js'

/** Whether a code tells of a fault that passes (internal_error, gateway_error): ask again after a pause. */
export const passes = (code) => /_error$|not_published/.test(code)

/**
 * One channel that the server is asked for once, however many subscriptions it has here.
 *
 * @param name an entity id, a pattern, or {channel}
 * @param since the cursor to begin with, if an earlier page has left one
 * @param flush lets the client ask what the channel `needs`
 */
export function createChannel(name, since, settings, flush) {
  const isPattern = /(^|\/)\*$/.test(name)
  const pushed = { user: 'User Push Notification', everyone: 'Broadcast' }[name.channel] ?? 'Entity Updated'
  const members = new Set()
  const pause = createBackoff(settings)
  let question
  let joined // the connection that the server has put into the channel
  let live = false

  /** Call a method of all members. */
  function tell(method, value) {
    for (const member of members) member[method](value)
  }

  function setLive(value) {
    live = value
    tell('live', live)
  }

  function end(how, error) {
    const all = [...members]
    members.clear() // first, since a handler may subscribe again
    for (const member of all) member.end(how, error)
  }

  const ordering = createOrdering(settings, isPattern, since, tell, setLive, flush)

  /** @param {import('../types/frames.js').ErrorFrame} answer */
  function refused(answer, action, connection) {
    const error = errorIn(answer)
    if (isOver(error.code)) connection.deaf()
    else if (passes(error.code)) {
      const waiting = (question = {})
      settings.setTimeout(() => {
        if (question === waiting) question = null
        flush()
      }, pause.next())
      tell('told', error)
    } else if (action === 'unsubscribe') joined = null
    else if (error.code === 'invalid_cursor' && ordering.since()) ordering.forget()
    else end('refused', error)
  }

  return {
    end,
    wanted: () => members.size,
    since: ordering.since,
    received: ordering.received,
    address: name.channel ? name : { entityId: name },

    /** Whether it shares a frame with no other. */
    alone: isPattern || name.channel,

    /**
     * Whether a pushed frame is for this channel.
     *
     * @param {import('./ordering.js').PushedFrame} frame
     */
    takes: ({ type, entityId }) =>
      type === pushed && (name.channel || (isPattern ? entityId.startsWith(name.slice(0, -1)) : entityId === name)),

    join(member) {
      members.add(member)
      // Not at once, since the application has no handlers yet.
      queueMicrotask(() => {
        if (live) member.begin(ordering.latest())
        member.live(live)
      })
      flush()
    },

    leave(member) {
      members.delete(member)
      flush()
    },

    /** Return what a connection is to be asked: 'subscribe', 'unsubscribe' or nothing; or 'wait', or 'forget'. */
    needs(connection) {
      if (question) return 'wait'
      const isIn = connection && joined === connection
      if (members.size) return isIn && !ordering.behind() ? '' : 'subscribe'
      return isIn && name.channel !== 'user' ? 'unsubscribe' : 'forget'
    },

    /**
     * The question is asked. Return the function that takes its answer.
     *
     * @returns {(answer: import('../types/frames.js').Subscribed | import('../types/frames.js').Unsubscribed | import('../types/frames.js').ErrorFrame) => void}
     */
    asked(action, connection) {
      const mine = (question = {})
      if (action === 'subscribe') ordering.asked()
      else setLive(false)
      return (answer) => {
        if (question !== mine) return
        question = null
        if (answer.type === 'error') refused(answer, action, connection)
        else if (action === 'unsubscribe') {
          joined = null
          ordering.forget()
        } else {
          joined = connection
          pause.reset()
          ordering.answered(/** @type {import('../types/frames.js').Subscribed} */ (answer))
        }
      }
    },

    /** There is another connection, or none: what was asked on the last one does not count any more. */
    moved(connection) {
      question = null
      if (!connection) setLive(false)
      ordering.lost()
    },
  }
}
