/**
 * Call `wake` when the network or the page is back: after `online`, `pageshow`, and when the page becomes visible.
 *
 * Outside of browsers there are no such events. Returns a function that ends it.
 */
export function listenForWakeUps(wake) {
  const page = globalThis.document
  const looked = () => page.hidden || wake()
  const each = (change) => {
    globalThis[change]?.('online', wake)
    globalThis[change]?.('pageshow', wake)
    page?.[change]('visibilitychange', looked)
  }
  each('addEventListener')
  return () => each('removeEventListener')
}
