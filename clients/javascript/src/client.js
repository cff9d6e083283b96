import { createChannel } from './channel.js'
import { createEvents } from './events.js'
import { createLink } from './link.js'
import { createPublisher } from './publisher.js'
import { errorIn, PushError } from './push-error.js'
import { settingsFrom } from './settings.js'
import { createSubscription } from './subscription.js'

/** The most entities in one frame. */
const ENTITIES_PER_FRAME = 25

/** Channels that are no entities are kept under keys that no entity can have. */
const keyOf = (name) => (name.channel ? `\n${name.channel}` : name)

/** Return channels by frames to ask in: patterns come first and alone, entities together. */
function inFrames(channels) {
  const frames = []
  let together
  for (const channel of channels) {
    if (channel.alone) frames.unshift([channel])
    else if (together?.length < ENTITIES_PER_FRAME) together.push(channel)
    else frames.push((together = [channel]))
  }
  return frames
}

/**
 * Return the frame that asks about channels.
 *
 * @param {'subscribe' | 'unsubscribe'} action
 */
function question(action, channels) {
  const since = action === 'subscribe' && channels.map((channel) => channel.since())
  if (channels.length === 1) return { action, ...channels[0].address, since: since[0] }
  const entityIds = channels.map(({ address }) => address.entityId)
  return /** @type {import('../types/frames.js').SubscribeToSeveral | import('../types/frames.js').UnsubscribeFromSeveral} */ ({
    action,
    entityIds,
    since: since ? Object.fromEntries(entityIds.map((id, i) => [id, since[i]])) : undefined,
  })
}

/** The client, made with `new`. README.md says what an application sees, docs/reference/protocol.md what the server does. */
export function EntityPush(options) {
  const settings = settingsFrom(options)
  const { setTimeout, url } = settings
  const channels = new Map()
  const { on, emit } = createEvents(tell)
  let state = 'idle'
  let end // how subscriptions end that are made from now on
  let willFlush = false

  const link = createLink(settings, {
    wanted: () => publisher.wanted() || [...channels.values()].some((channel) => channel.wanted()),
    changed: become,
    moved() {
      for (const channel of channels.values()) channel.moved(link.connection)
      flush()
    },
    received(frame) {
      if (frame.type === 'error') tell(errorIn(frame))
      for (const channel of channels.values()) if (channel.takes(frame)) channel.received(frame)
    },
    told: tell,
    failed: (error) => stop('failed', 'refused', error),
  })
  const publisher = createPublisher(settings, link)

  function become(next, detail) {
    if (state === 'closed') return
    state = next
    emit('state', state, detail || {})
  }

  function tell(error) {
    if (!emit('error', error)) console.error(error)
  }

  function stop(how, ofSubscriptions, error) {
    end = [ofSubscriptions, error]
    for (const channel of channels.values()) channel.end(...end)
    publisher.close()
    become(how, { error })
  }

  /**
   * Ask what channels need, together, when all that is being done is done. Who closes a subscription and makes the
   * same again meanwhile (another screen, React's strict mode) goes on with it.
   */
  function flushSoon() {
    if (willFlush) return
    willFlush = true
    setTimeout(flush, 0)
  }

  function flush() {
    willFlush = false
    const { connection } = link
    const needs = { subscribe: [], unsubscribe: [] }
    let isSettled = true
    for (const [key, channel] of channels) {
      const need = channel.needs(connection)
      if (need === 'forget') channels.delete(key)
      else if (need) {
        isSettled = false
        needs[need]?.push(channel)
      }
    }
    if (!connection) return
    if (isSettled) link.settled()
    for (const action in needs) for (const some of inFrames(needs[action])) ask(connection, action, some)
    publisher.flush()
  }

  function ask(connection, action, some) {
    const takers = some.map((channel) => channel.asked(action, connection))
    connection.ask(question(action, some), (answer) => {
      takers.forEach((take, i) =>
        take(answer.answers ? (answer.answers[i] ?? { type: 'error', code: 'internal_error' }) : answer),
      )
      flushSoon()
    })
  }

  return {
    get state() {
      return state
    },

    on,

    subscribe(name, options = {}) {
      const key = keyOf(name)
      const { persist, getState } = options
      const kept = `${url} ${key}`
      let channel = channels.get(key)
      const since = channel || getState ? null : persist?.getItem(kept)
      const [subscription, member] = createSubscription(name, options, settings, since, tell, () =>
        channel.leave(member),
      )
      if (end) {
        member.end(...end)
        return subscription
      }
      if (!channel) channels.set(key, (channel = createChannel(name, since, settings, flushSoon)))
      if (persist) {
        const keep = () => persist.setItem(kept, channel.since() ?? '')
        subscription.on('update', keep)
        subscription.on('reset', keep)
      }
      channel.join(member)
      link.want()
      return subscription
    },

    /**
     * @param name
     * @param message
     * @param {{ id?: import('../types/frames.js').OwnId }} [options]
     */
    publish(name, message, { id } = {}) {
      /** @type {import('../types/frames.js').Publish | import('../types/frames.js').Chat} */
      const frame =
        name.channel === 'everyone'
          ? { action: 'onMessage', message }
          : { action: 'publish', entityId: name, message }
      const published = publisher.publish(frame, id)
      if (end) publisher.close()
      else link.want()
      return published
    },

    close() {
      stop('closed', 'closed')
      link.close()
    },
  }
}
