/**
 * Make this process look like a browser's page, as far as the client listens to it.
 *
 * Returns `signal(word)`, which tells of `online`, `offline`, `pageshow`, `pagehide`, `visible` and `hidden`;
 * `listeners()`, the number of those that listen; and `forgetListeners()`.
 */
export function installPage() {
  let windowEvents
  let documentEvents
  let listeners
  const page = { hidden: false }
  for (const [change, difference] of [
    ['addEventListener', 1],
    ['removeEventListener', -1],
  ]) {
    const changing = (target) => (event, listener) => {
      listeners += difference
      target()[change](event, listener)
    }
    globalThis[change] = changing(() => windowEvents)
    page[change] = changing(() => documentEvents)
  }
  globalThis.document = page

  function forgetListeners() {
    windowEvents = new EventTarget()
    documentEvents = new EventTarget()
    listeners = 0
    page.hidden = false
  }
  forgetListeners()

  return {
    forgetListeners,
    listeners: () => listeners,
    signal(word) {
      if (word === 'visible' || word === 'hidden') {
        page.hidden = word === 'hidden'
        documentEvents.dispatchEvent(new Event('visibilitychange'))
      } else windowEvents.dispatchEvent(new Event(word))
    },
  }
}
