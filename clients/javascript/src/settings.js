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

  // The option `clock`. In arrows, since a browser's timers must not be called as methods of an object.
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
}

/** Return all settings, with the functions of the clock among them. */
export const settingsFrom = (options) => ({ ...DEFAULTS, ...options, ...options.clock })
