import { useEffect, useState, useSyncExternalStore } from 'react'

const keyOf = (name) => (name.channel ? `\n${name.channel}` : name)

const messageOf = (value, update) => update.message

/** What is shown of an entity that nothing is known of yet. */
const NOTHING_YET = { value: undefined, state: 'subscribing', stale: true, error: undefined }

/** The subscriptions of one component, and what it shows of them. */
function createStore() {
  const rows = new Map() // by key: {subscription, shown}
  const listeners = new Set()
  let version = 0 // of all that is shown
  let client
  let options

  function show(row, change) {
    row.shown = { ...row.shown, ...change }
    version++
    for (const listener of listeners) listener()
  }

  function open(name) {
    const { getState } = options
    const subscription = client.subscribe(name, {
      parse: (message) => (options.parse ? options.parse(message) : message),
      getState: getState && (() => options.getState(name)),
    })
    const row = { subscription, shown: NOTHING_YET }
    const reduce = (value, update) => (options.reduce ?? messageOf)(value, update)
    const showState = (state) => show(row, { state, stale: state !== 'subscribed', error: subscription.error })
    subscription.on('state', showState)
    subscription.on('reset', (state, { latest }) =>
      show(row, { value: getState ? state : latest ? reduce(undefined, latest) : undefined }),
    )
    subscription.on('update', (update) => {
      if (update.oversize && getState) subscription.refresh()
      else show(row, { value: reduce(row.shown.value, update) })
    })
    if (subscription.state !== NOTHING_YET.state) showState(subscription.state) // the client is closed, or has failed
    return row
  }

  return {
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    version: () => version,

    /** What is shown of an entity; of another client than the present one, nothing yet. */
    shown: (push, name) => (push === client && rows.get(keyOf(name))?.shown) || NOTHING_YET,

    /** From now on, call these functions of the component. */
    use(latestOptions) {
      options = latestOptions
    },

    /** Subscribe to those of the names that are new. Close what is not among them. */
    follow(push, names) {
      const wanted = new Map(push === client ? names.map((name) => [keyOf(name), name]) : [])
      for (const [key, { subscription }] of rows) {
        if (wanted.has(key)) continue
        subscription.close()
        rows.delete(key)
      }
      client = push
      for (const name of names) if (!rows.has(keyOf(name))) rows.set(keyOf(name), open(name))
    },
  }
}

export function useEntities(push, names, options = {}) {
  const [store] = useState(createStore)
  useSyncExternalStore(store.listen, store.version, store.version)
  useEffect(() => store.use(options))
  useEffect(() => store.follow(push, names), [store, push, names.map(keyOf).join('\n\n')])
  useEffect(() => () => store.follow(undefined, []), [store])
  return names.map((name) => store.shown(push, name))
}

export function useEntity(push, name, options) {
  const [shown = NOTHING_YET] = useEntities(push, name ? [name] : [], options)
  return shown
}
