/**
 * Make this process look like a browser's page, as far as the client listens to it.
 *
 * Returns `signal(word)`, which tells of `online`, `offline`, `pageshow`, `pagehide`, `visible` and `hidden`, and
 * `forgetListeners()`.
 */
export function installPage() {
  let windowEvents
  let documentEvents
  const page = { hidden: false }
  for (const change of ['addEventListener', 'removeEventListener']) {
    globalThis[change] = (...given) => windowEvents[change](...given)
    page[change] = (...given) => documentEvents[change](...given)
  }
  globalThis.document = page

  function forgetListeners() {
    windowEvents = new EventTarget()
    documentEvents = new EventTarget()
    page.hidden = false
  }
  forgetListeners()

  return {
    forgetListeners,
    signal(word) {
      if (word === 'visible' || word === 'hidden') {
        page.hidden = word === 'hidden'
        documentEvents.dispatchEvent(new Event('visibilitychange'))
      } else windowEvents.dispatchEvent(new Event(word))
    },
  }
}
