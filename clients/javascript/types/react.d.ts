import type { EntityPush, Name, Parse, PushError, SubscriptionState, Update } from './index.js'

export interface Entity<V> {
  /** What `reduce` has made of the state and the updates; undefined before the first reset. */
  value: V | undefined
  state: SubscriptionState
  /** Whether updates may be missing: true in every state but `subscribed`. */
  stale: boolean
  /** Why it is refused or closed. */
  error: PushError | undefined
}

export interface EntityOptions<V, T = V> {
  /** Fetch the state. Without it, the value is what `reduce` makes of the updates alone. */
  getState?: (name: Name) => V | Promise<V>
  /** Return the next value. By default, the value is the last update's message. */
  reduce?: (value: V | undefined, update: Update<T>) => V
  parse?: Parse<T>
}

/** Show an entity. No name: nothing is subscribed to. */
export function useEntity<V = unknown, T = V>(
  push: EntityPush,
  name: Name | null | undefined,
  options?: EntityOptions<V, T>,
): Entity<V>

/** Show several, in the order of their names. */
export function useEntities<V = unknown, T = V>(
  push: EntityPush,
  names: readonly Name[],
  options?: EntityOptions<V, T>,
): Entity<V>[]
