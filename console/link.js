/**
 * Take what a link holds in its fragment: `token`, `subscribe` (an entity), and `url`.
 *
 * A fragment is sent to no server. It is removed from the address bar, so that a token stays in no history.
 */
export function takeLink() {
  const parts = new URLSearchParams(location.hash.slice(1))
  if (location.hash) history.replaceState(null, '', location.pathname + location.search)
  return Object.fromEntries(parts)
}

/** Return what the page's host knows: `url`, and `events`, where three events can be put; nothing elsewhere. */
export async function readConfig() {
  try {
    const answer = await fetch('config.json')
    return answer.ok ? await answer.json() : {}
  } catch {
    return {} // a folder without a host
  }
}
