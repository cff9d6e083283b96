import { PushError } from './push-error.js'

/**
 * Handlers of an object's events.
 *
 * A handler that throws, or whose promise rejects, stops no other handler. `report` is told of it.
 */
export function createEvents(report) {
  const handlers = {}
  return {
    /** Add a handler. Return a function that removes it. */
    on(event, handler) {
      const all = (handlers[event] ??= new Set())
      all.add(handler)
      return () => all.delete(handler)
    },

    /** Call an event's handlers. Return how many there are. */
    emit(event, ...values) {
      const failed = (cause) =>
        event === 'error' // its handlers are who would be told
          ? console.error(cause)
          : report(new PushError('handler_failed', { cause, event }))
      const all = [...(handlers[event] ?? [])]
      for (const handler of all) {
        try {
          handler(...values)?.catch?.(failed)
        } catch (cause) {
          failed(cause)
        }
      }
      return all.length
    },
  }
}
