/** Follow one entity as an application would, and keep what is told in `told`, with the time of each. */
import { EntityPush } from '/clients/javascript/src/index.js'

const { name, persist, options } = JSON.parse(new URLSearchParams(location.search).get('setup'))
const { random = Math.random() } = options

const told = (window.told = [])
const tell = (what, detail) => told.push({ what, at: performance.now(), ...detail })

addEventListener('online', () => tell('page', { state: 'online' }))
addEventListener('pageshow', ({ persisted }) => tell('page', { state: persisted ? 'restored' : 'new' }))
document.addEventListener('visibilitychange', () => tell('page', { state: document.visibilityState }))

const push = new EntityPush({
  ...options,
  random: () => random,
  token: async ({ afterFailure }) => {
    tell('token', { afterFailure })
    return (await fetch('/token')).text()
  },
})
push.on('state', (state) => tell('client', { state }))
push.on('error', ({ code }) => tell('error', { code }))
const subscription = push.subscribe(name, persist ? { persist: sessionStorage } : {})
subscription.on('state', (state) => tell('subscription', { state }))
subscription.on('reset', () => tell('reset'))
subscription.on('update', ({ message, sequence, replayed }) => tell('update', { message, sequence, replayed }))
