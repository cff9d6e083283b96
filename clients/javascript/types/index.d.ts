import type { Channel, EntityUpdated, ErrorCode, Published as PublishedFrame, UserPushNotification } from './frames.js'

/** What an update's `message` may be asked to be: `parse` returns it, or throws. */
export type Parse<T> = (message: unknown) => T

/** An entity id (`orders/42`), a pattern (`orders/*`), a room (`rooms/r1`), or one of the two channels. */
export type Name = string | { channel: Channel }

/** A pushed frame, as one that was live or replayed. */
export interface Update<T = unknown>
  extends Omit<EntityUpdated, 'type' | 'message' | 'entityId'>,
    Pick<UserPushNotification, 'callback'> {
  type: 'update'
  /** The event's message; absent if it had none, or if `oversize`. */
  message: T
  /** The entity; absent in the user's and everyone's channel. */
  entityId?: string
  /** It was missed, and came with the answer to `subscribe`. */
  replayed: boolean
}

export interface Reset<T = unknown, S = unknown> {
  type: 'reset'
  /** What `getState` returned; undefined without it. */
  state: S
  /** The last update before, where the server has told it and `parse` takes it. */
  latest?: Update<T> | null
}

export type SubscriptionState = 'subscribing' | 'subscribed' | 'stale' | 'refused' | 'closed'

export interface GetState<S> {
  /** Fetch the state. Called for each reset; updates that come meanwhile follow it. */
  getState: () => S | Promise<S>
}

export interface SubscribeOptions<T = unknown> {
  /** Return the message if it is valid, and throw if not. An update with an invalid one is told as an error. */
  parse?: Parse<T>
  /** Where to keep the cursor over a reload of the page. Without effect beside `getState`. */
  persist?: { getItem(key: string): string | null; setItem(key: string, value: string): void }
}

export interface Subscription<T = unknown, S = undefined> extends AsyncIterable<Reset<T, S> | Update<T>> {
  readonly name: Name
  readonly state: SubscriptionState
  /** Why it is refused or closed. */
  readonly error: PushError | undefined

  /** Add a handler. Returns a function that removes it. */
  on(event: 'update', handler: (update: Update<T>) => unknown): () => void
  on(event: 'reset', handler: (state: S, detail: { latest?: Update<T> | null }) => unknown): () => void
  on(event: 'state', handler: (state: SubscriptionState, detail: { error?: PushError }) => unknown): () => void
  on(event: 'error', handler: (error: PushError) => unknown): () => void

  /** Resolves when all that happened so far is shown. Rejects when the subscription is refused or closed. */
  ready(): Promise<void>
  /** Begin anew: `getState` is called, and a reset follows. */
  refresh(): void
  close(): void
}

export type ClientState = 'idle' | 'connecting' | 'connected' | 'waiting' | 'failed' | 'closed'

export interface ClientStateDetail {
  /** When the client tries again, in milliseconds since 1970. Of `waiting` only. */
  until?: number
  /** Why it waits, or has failed. */
  error?: PushError
}

/** `ownId` is there where the deployment knows such ids. */
export type Published = Pick<PublishedFrame, 'id' | 'ownId'>

/** Functions that are called without an object: they must not need `this`. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(timer: any): void
}

export interface Options {
  /** The deployment's `WebSocketUrl`. */
  url: string
  /**
   * Return a token. Called before every connection. `afterFailure`: the last handshake failed, maybe for the token's
   * sake. An error with `fatal: true` stops the client. Leave it out where the deployment takes no tokens.
   */
  token?: (context: { afterFailure: boolean }) => string | Promise<string>
  /** The WebSocket class; the platform's by default. On Node 20, pass the one of the package `ws`. */
  WebSocket?: new (url: string, protocols: string[]) => any
  clock?: Clock
  /** A number from 0 to below 1. */
  random?: () => number
  /** The bounds of pauses, in milliseconds: `first` doubles with each failure, up to `most`. 500 and 30,000. */
  backoff?: { first: number; most: number }
  /** How long to wait for a token and a handshake, in milliseconds. 30,000. */
  connectTimeout?: number
  /** Replace a connection at a random 80 to 100 % of this age, in milliseconds. 6,600,000 (110 minutes). */
  maxConnectionAge?: number
  /** Send a ping after so many milliseconds without a frame. 480,000 (8 minutes). */
  pingAfter?: number
  /** How long to wait for a pong, in milliseconds. 10,000. */
  pongTimeout?: number
  /** How long to wait for an answer before asking again, and then before giving the connection up. 10,000. */
  answerTimeout?: number
  /** How long to wait for a late update before asking for it, in milliseconds. 200. */
  gapWait?: number
  /** The most updates that a subscription holds. Beyond it, a reset follows. 1000. */
  maxHeld?: number
  /** The most entities of which a pattern remembers the last number. 10,000. */
  maxPatternEntities?: number
}

export class EntityPush {
  constructor(options: Options)
  readonly state: ClientState

  /** Add a handler. Returns a function that removes it. */
  on(event: 'state', handler: (state: ClientState, detail: ClientStateDetail) => unknown): () => void
  on(event: 'error', handler: (error: PushError) => unknown): () => void

  /** Subscribe. `T` is the type of messages, `S` that of the state. */
  subscribe<T = unknown, S = T>(name: Name, options: SubscribeOptions<T> & GetState<S>): Subscription<T, S>
  subscribe<T = unknown>(name: Name, options?: SubscribeOptions<T>): Subscription<T, undefined>

  /** Publish a message to an entity, a room, or everyone. Rejects with a `PushError`. */
  publish(name: string | { channel: 'everyone' }, message: unknown, options?: { id?: string }): Promise<Published>

  /** Close the connection and all subscriptions, for good. */
  close(): void
}

export class PushError extends Error {
  /** A code of the protocol, or one of this package. */
  readonly code: ErrorCode | (string & {})
  readonly entityId?: string
  readonly roomId?: string
  readonly channel?: string
  /** The error behind it. */
  readonly cause?: unknown
  /** The update whose message was not valid. Of `parse_failed` only. */
  readonly update?: Update
}
