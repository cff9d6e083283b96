/**
 * Take what a link holds in its fragment: `url`, `token`, `subscribe` and `events` (where three events can be put).
 *
 * A fragment is sent to no server. It is removed from the address bar, so that a token stays in no history.
 */
export function takeLink() {
  const parts = new URLSearchParams(location.hash.slice(1))
  if (location.hash) history.replaceState(null, '', location.pathname + location.search)
  return Object.fromEntries(parts)
}
