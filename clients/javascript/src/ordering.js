/** @typedef {import('../types/frames.js').PushedFrame & { entityId?: import('../types/frames.js').EntityId }} PushedFrame */

/**
 * Return a cursor's two parts: the name of the history's life, and the number of the last update in it.
 *
 * @param {import('../types/frames.js').Cursor} cursor
 * @returns {[string, number]}
 */
function placeOf(cursor) {
  const dot = cursor.lastIndexOf('.')
  return [cursor.slice(0, dot), +cursor.slice(dot + 1)]
}

/**
 * The ordering contract of one channel: from frames as they come to updates as they happened.
 *
 * An update follows the one before it by exactly one, until the next reset. What is seen already is dropped. What
 * leaves a hole is held for `gapWait`, and so is everything while an answer is outstanding.
 *
 * A pattern has no history. The numbers of its entities rise, and may jump.
 *
 * @param tell tell('update', update) tells of the next update, tell('reset', latest) that the state is to be fetched
 *   anew, and tell('begin', latest) the same for those who have no state yet
 * @param setLive takes whether all that has happened is told
 * @param flush lets the client ask, if `behind`
 */
export function createOrdering(settings, isPattern, cursor, tell, setLive, flush) {
  const { gapWait, maxHeld, maxPatternEntities, setTimeout, clearTimeout } = settings
  let whole = cursor // there is a cursor, and nothing is missing before it
  let outstanding = false
  let overflowed = false
  let behind = false
  let held = []
  let latest = null
  let gapTimer
  const seen = new Map() // numbers by entity and life; and updates that have no number

  const fallBehind = () => {
    behind = true
    setLive(false)
    flush()
  }

  function isNew(key, number) {
    if (number <= seen.get(key)) return false
    seen.delete(key) // the youngest is at the end
    seen.set(key, number)
    if (seen.size > maxPatternEntities) seen.delete(seen.keys().next().value)
    return true
  }

  const updateOf = (frame, replayed) => ({ ...frame, type: 'update', replayed })

  /** @param {PushedFrame} frame */
  function show(frame, replayed) {
    const update = updateOf(frame, replayed)
    if (!isPattern) latest = update
    tell('update', update)
  }

  /** Show a numbered update if it is the next one. Return how far it is ahead: 0 for the next one, NaN elsewhere. */
  function showIfNext(frame, replayed) {
    const [life, number] = placeOf(cursor)
    const ahead = placeOf(frame.cursor)[0] === life ? frame.sequence - number - 1 : NaN
    if (ahead === 0) {
      cursor = frame.cursor
      show(frame, replayed)
    }
    return ahead
  }

  /** @param {PushedFrame} frame */
  function take(frame) {
    if (!frame.sequence) {
      // One event may make several updates with its id: one by each rule, one of each entity.
      if (isNew(`${frame.entityId}\n${frame.id}\n${frame.rule}`, 1)) show(frame, false)
    } else if (isPattern) {
      if (isNew(`${frame.entityId}\n${placeOf(frame.cursor)[0]}`, frame.sequence)) show(frame, false)
    } else if (!whole) {
      fallBehind() // it is stored: an answer has it, or a reset stands for it
    } else if (!(showIfNext(frame, false) <= 0)) {
      held.push(frame)
    }
  }

  function takeHeld() {
    if (outstanding) return
    for (const frame of held.sort((one, other) => one.sequence - other.sequence).splice(0)) take(frame)
    if (!held.length) stopWaiting()
    else gapTimer ??= setTimeout(askForHeld, gapWait)
  }

  /** What is held is stored: the answer has it. */
  function askForHeld() {
    held = []
    fallBehind()
  }

  function stopWaiting() {
    clearTimeout(gapTimer)
    gapTimer = null
  }

  /** Begin anew, without a cursor. */
  function forget() {
    cursor = null
    whole = false
    askForHeld()
  }

  return {
    /** Whether to ask. */
    behind: () => behind,
    /** The cursor to ask with; undefined for all that there is. */
    since: () => cursor || undefined,
    /** The last update, for those who come later; or null. */
    latest: () => latest,

    forget,

    /** The question is asked again whenever its answer is no use, as long as `behind` says so. */
    asked() {
      outstanding = true
      overflowed = false
      stopWaiting()
    },

    /** The answer will not come. */
    lost() {
      outstanding = false
      takeHeld()
    },

    /** @param {import('../types/frames.js').Subscribed} answer */
    answered({ cursor: reached, recovered, updates, more, latest: last }) {
      outstanding = behind = false
      if (overflowed) return fallBehind()
      for (const frame of updates) {
        if (whole && showIfNext(frame, true) <= 0) continue
        whole = false // these updates don't follow what was shown: a reset will
      }
      cursor = reached
      if (more) return fallBehind()
      if (!recovered || !whole) {
        latest = last && updateOf(last, true)
        tell('reset', latest)
      }
      whole = cursor
      tell('begin', latest)
      setLive(true)
      takeHeld()
    },

    /** @param {PushedFrame} frame */
    received(frame) {
      held.push(frame)
      if (held.length > maxHeld) {
        overflowed = outstanding
        forget()
      } else takeHeld()
    },
  }
}
