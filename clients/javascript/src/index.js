export { EntityPush } from './client.js'
export { PushError } from './push-error.js'
