import { createBackoff } from './backoff.js'
import { createEvents } from './events.js'
import { iterate } from './iterate.js'
import { PushError } from './push-error.js'

/**
 * One subscription of the application: what `subscribe` returns, and the member that its channel tells.
 *
 * The member's `reset`, `begin` (a reset, unless there was one), `update`, `live`, `told` and `end` are called.
 * Between a reset and the state that `getState` returns for it, updates are held.
 *
 * @param continues whether the application has the state up to the channel's cursor already
 * @param report takes errors that no handler of the subscription takes
 * @param leave is called when the application closes it
 */
export function createSubscription(name, options, settings, continues, report, leave) {
  const { getState, parse } = options
  const { maxHeld, setTimeout } = settings
  const pause = createBackoff(settings)
  const told = (error) => emit('error', error) || report(error)
  const { on, emit } = createEvents(told)
  let state = 'subscribing'
  let error
  let placed = continues // the application has its state
  let live = false
  let ended = false
  let round = continues ? 1 : 0 // of resets: what getState returns for an older one is dropped
  let held = []

  function become(next, why) {
    if (state === next) return
    state = next
    error = why
    emit('state', state, { error })
  }

  function look() {
    if (ended) return
    if (live && placed) become('subscribed')
    else if (state === 'subscribed') become('stale')
  }

  function reset(latest) {
    if (ended) return
    placed = false
    held = []
    round++
    if (getState) fetchState(latest)
    else place(latest)
    look()
  }

  async function fetchState(latest) {
    const mine = round
    try {
      const value = await getState()
      if (mine === round) place(latest, value)
    } catch (cause) {
      if (mine !== round) return
      told(new PushError('get_state_failed', { cause, entityId: name }))
      setTimeout(() => mine === round && fetchState(latest), pause.next())
    }
  }

  function place(latest, value) {
    pause.reset()
    placed = true
    const mine = round
    emit('reset', value, { latest: latest && parsed(latest) })
    for (const update of held.splice(0)) if (mine === round) show(update)
    look()
  }

  /** Return an update with its message as `parse` returns it, or nothing if `parse` throws. */
  function parsed(update) {
    if (!parse || !('message' in update)) return update
    try {
      return { ...update, message: parse(update.message) }
    } catch (cause) {
      told(new PushError('parse_failed', { cause, update }))
    }
  }

  function show(update) {
    const valid = parsed(update)
    if (valid) emit('update', valid)
  }

  const member = {
    reset,
    told,
    begin(latest) {
      if (!round) reset(latest)
    },
    update(update) {
      if (placed) show(update)
      else if (held.push(update) > maxHeld) reset(update)
    },
    live(value) {
      live = value
      look()
    },
    end(how, why = new PushError(how)) {
      if (ended) return
      ended = true
      round++
      become(how, why)
    },
  }

  const subscription = {
    name,
    get state() {
      return state
    },
    get error() {
      return error
    },
    on,

    refresh: () => reset(null),

    ready() {
      const ready = new Promise((resolve, reject) => {
        const answer = () => {
          if (ended) reject(error)
          if (ended || state === 'subscribed') resolve(off())
        }
        const off = on('state', answer)
        answer()
      })
      ready.catch(() => {}) // who waits for it learns of it; nobody else has to
      return ready
    },

    close() {
      if (ended) return
      member.end('closed')
      leave(member)
    },

    [Symbol.asyncIterator]: () => iterate(subscription, maxHeld),
  }
  return [subscription, member]
}
