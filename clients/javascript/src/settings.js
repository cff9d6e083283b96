/** What an application may set, with what it is otherwise. Times are in milliseconds. */
const DEFAULTS = {
  backoff: { first: 500, most: 30_000 },
  connectTimeout: 30_000,
  maxConnectionAge: 110 * 60_000,
  pingAfter: 8 * 60_000,
  pongTimeout: 10_000,
  answerTimeout: 10_000,
  gapWait: 200,
  maxHeld: 1000,
  maxPatternEntities: 10_000,
  random: Math.random,
  now: () => Date.now(),
}

/** Return all settings, with the functions of the clock among them, and `endTimers`, which clears all that are set. */
export function settingsFrom(options) {
  const clock = options.clock ?? globalThis
  const timers = new Set()

  function clearTimeout(timer) {
    timers.delete(timer)
    clock.clearTimeout(timer)
  }

  return {
    ...DEFAULTS,
    ...options,
    ...options.clock,
    setTimeout(callback, milliseconds) {
      const timer = clock.setTimeout(() => {
        timers.delete(timer)
        callback()
      }, milliseconds)
      timers.add(timer)
      return timer
    },
    clearTimeout,
    endTimers: () => timers.forEach(clearTimeout),
  }
}
