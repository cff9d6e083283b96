/**
 * Return what a subscription shows, as an async iterator: {type: 'reset', state, latest} and {type: 'update', …}.
 *
 * It begins now, ends when the subscription is closed, and throws when it is refused. When nobody has taken
 * `maxHeld` of them, they are dropped, and a new reset follows.
 */
export function iterate(subscription, maxHeld) {
  let items = []
  let wake
  const put = (item) => {
    if (items.push(item) > maxHeld) {
      items = []
      subscription.refresh()
    }
    wake?.()
  }
  const offs = [
    subscription.on('reset', (state, detail) => put({ type: 'reset', state, ...detail })),
    subscription.on('update', put),
    subscription.on('state', () => wake?.()),
  ]

  async function* read() {
    try {
      for (;;) {
        while (items.length) yield items.shift()
        if (subscription.state === 'refused') throw subscription.error
        if (subscription.state === 'closed') return
        await new Promise((resolve) => (wake = resolve))
      }
    } finally {
      for (const off of offs) off()
    }
  }
  return read()
}
