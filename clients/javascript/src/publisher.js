import { createBackoff } from './backoff.js'
import { passes } from './channel.js'
import { isOver } from './connection.js'
import { errorIn, PushError } from './push-error.js'

/** The server recognizes an id for five minutes. A message that is not confirmed in four is given up. */
const GIVE_UP_AFTER = 240_000

/** API Gateway closes with this code when a frame is too large. Sent again, it would close the next connection, too. */
const TOO_LARGE = 1009

/**
 * Messages on their way to the server.
 *
 * Each carries an id. Where the server's answers show that it knows such ids, a message whose outcome is unknown is
 * sent again. Elsewhere its promise is rejected, since sending it again could make two updates of it.
 *
 * @param link has the `connection`
 */
export function createPublisher(settings, link) {
  const { random, setTimeout, clearTimeout } = settings
  const messages = new Set()
  const pause = createBackoff(settings)
  let serverKnowsIds = false

  function flush() {
    for (const message of messages) if (link.connection && !message.asked) send(message, link.connection)
  }

  function send(message, connection) {
    message.asked = message.sent = true
    const again = () => {
      message.asked = false
      flush()
    }
    /** @param {import('../types/frames.js').Published | import('../types/frames.js').ErrorFrame} answer */
    const answered = (answer) => {
      if (answer.type === 'published') {
        pause.reset()
        serverKnowsIds ||= 'ownId' in answer
        message.end(null, answer)
      } else if (isOver(answer.code)) {
        connection.deaf()
        again() // it was not taken
      } else if (passes(answer.code) && serverKnowsIds) setTimeout(again, pause.next())
      else if (answer.requestId) message.end(errorIn(answer))
      else message.giveUp()
    }
    const lost = (code) => (serverKnowsIds && code !== TOO_LARGE ? again() : message.giveUp())
    connection.ask(message.frame, answered, lost, serverKnowsIds)
  }

  return {
    flush,
    wanted: () => messages.size,

    publish(frame, id = random().toString(36).slice(2)) {
      const published = new Promise((resolve, reject) => {
        const message = {
          frame: { ...frame, id },
          end(error, answer) {
            clearTimeout(timer)
            messages.delete(message)
            if (error) reject(error)
            else resolve(answer)
          },
          giveUp: (error) => message.end(new PushError(message.sent ? 'unknown_outcome' : error)),
        }
        JSON.stringify(frame) // throws what can't be sent
        const timer = setTimeout(() => message.giveUp('not_sent'), GIVE_UP_AFTER)
        messages.add(message)
      })
      published.catch(() => {}) // who waits for it learns of it; nobody else has to
      flush()
      return published
    },

    close() {
      for (const message of messages) message.giveUp('closed')
    },
  }
}
