/**
 * How long updates took, as far as one clock can tell: those that this page has published, and those of the local
 * AWS, whose messages hold the time of their putting. EventBridge's own times are whole seconds.
 */
export function createLatency() {
  const begun = new Map()

  return {
    begin: (id) => void begun.set(id, performance.now()),

    /** Return an update's milliseconds, or nothing. */
    of({ ownId, message, replayed }) {
      if (replayed) return undefined
      if (begun.has(ownId)) return performance.now() - begun.get(ownId)
      if (Number.isFinite(message?.putAt)) return Math.max(0, Date.now() - message.putAt)
    },
  }
}
