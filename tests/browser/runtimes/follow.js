/**
 * Follow an entity: `<runtime> follow.js <url> <token> <entity id>`. Prints a line of JSON for each thing that is told.
 *
 * After the first update, the client is closed. Nothing is left then that would keep the process alive.
 */
import process from 'node:process'
import { EntityPush } from '../../../clients/javascript/src/index.js'

const [url, token, name] = process.argv.slice(2)
const tell = (what, detail) => console.log(JSON.stringify({ what, ...detail }))

const push = new EntityPush({ url, token: () => token })
push.on('error', ({ code }) => tell('error', { code }))
const subscription = push.subscribe(name)
subscription.on('state', (state) => tell('state', { state }))
subscription.on('update', ({ message }) => {
  tell('update', { message })
  push.close()
})
