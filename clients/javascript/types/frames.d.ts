// Made from asyncapi.yaml by `python -m specification`. Change that, not this.

/**
 * 1 to 256 characters, at most 512 bytes of UTF-8. No control character, surrogate or noncharacter. It is not
 * `*` or `#everyone`, and does not end in `/*`.
 */
export type EntityId = string

/** `*`, or at most 5 segments of an entity id followed by `/*`: all entities below. */
export type Pattern = string

export type EntityIdOrPattern = EntityId | Pattern

/** The entity is `rooms/<roomId>`. */
export type RoomId = string

/** The user's own channel, or everyone's. */
export type Channel = 'user' | 'everyone'

/** The user whose client published the update; absent if a service put it. */
export type Publisher = string

/** Any JSON. */
export type Message = unknown

/** The event's message, any JSON; absent if the event had none, or if `oversize`. */
export type PushedMessage = unknown

/** The message was too large to come along: fetch the state. */
export type Oversize = true

/** A place in a channel. What is before the dot names the life of its history, what follows is the number. */
export type Cursor = string

/** What a client chose to know the answer by. */
export type RequestId = string | number

/** The id that a sender gives an update: 1 to 128 printable characters. */
export type OwnId = string

/** The version of the entity's state that a service gave the update. */
export type Version = number

/** The id that EventBridge gave the event. Two updates may have the same: `sequence` tells them apart. */
export type EventId = string

/** When the event was put, in UTC: `2026-11-22T18:43:48Z`. */
export type Time = string

/** The rule that made the update of a service's own event. */
export type RuleName = string

/** The update's number in its channel: 1, 2, 3 … without holes. Absent where the deployment stores no updates. */
export type Sequence = number

export interface Subscribe {
  action: 'subscribe'
  entityId: EntityIdOrPattern
  /** The last cursor that the client got. Without it, nothing is replayed. */
  since?: Cursor | null
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface SubscribeToSeveral {
  action: 'subscribe'
  entityIds: EntityIdOrPattern[]
  /** The last cursors that the client got, by entity. */
  since?: Record<string, Cursor | null>
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface SubscribeToChannel {
  action: 'subscribe'
  /** The user's own channel, or everyone's. */
  channel: Channel
  /** The last cursor that the client got. */
  since?: Cursor | null
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface Unsubscribe {
  action: 'unsubscribe'
  entityId: EntityIdOrPattern
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface UnsubscribeFromSeveral {
  action: 'unsubscribe'
  entityIds: EntityIdOrPattern[]
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

/** A connection stays in its user's channel. */
export interface UnsubscribeFromChannel {
  action: 'unsubscribe'
  channel: 'everyone'
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface Publish {
  action: 'publish'
  /**
   * 1 to 256 characters, at most 512 bytes of UTF-8. No control character, surrogate or noncharacter. It is not
   * `*` or `#everyone`, and does not end in `/*`.
   */
  entityId: EntityId
  /** Any JSON. */
  message?: Message
  /** The id that a sender gives an update: 1 to 128 printable characters. */
  id?: OwnId
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface Chat {
  action: 'onMessage' | 'message'
  /** The entity is `rooms/<roomId>`. */
  roomId?: RoomId
  /** Any JSON. */
  message: Message
  /** The id that a sender gives an update: 1 to 128 printable characters. */
  id?: OwnId
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

/** Its answer repeats no `requestId`. */
export interface Ping {
  action: 'ping'
}

/** From here on, updates arrive. */
export interface Subscribed {
  type: 'subscribed'
  entityId?: EntityIdOrPattern
  /** The user's own channel, or everyone's. */
  channel?: Channel
  alreadySubscribed: boolean
  /** How far this answer goes, to send as `since` next time; `null` if there is no history. */
  cursor: Cursor | null
  /** Whether every update after `since` is here, or was in the answers before. It counts if `more` is false. */
  recovered: boolean
  /** What the client missed, in order. */
  updates: ReplayedUpdate[]
  /** Whether to subscribe again, with `since`: this `cursor`. */
  more: boolean
  /** The channel's last update, where `updates` does not lead up to it. */
  latest: ReplayedUpdate | null
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

/** From here on, no updates arrive. */
export interface Unsubscribed {
  type: 'unsubscribed'
  entityId?: EntityIdOrPattern
  /** The user's own channel, or everyone's. */
  channel?: Channel
  wasSubscribed: boolean
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

/** One answer or error for each entity, in their order. */
export interface Answers {
  type: 'answers'
  answers: (Subscribed | Unsubscribed | ErrorFrame)[]
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

/** EventBridge has taken the event. To everyone, it names neither an entity nor a room. */
export interface Published {
  type: 'published'
  /**
   * 1 to 256 characters, at most 512 bytes of UTF-8. No control character, surrogate or noncharacter. It is not
   * `*` or `#everyone`, and does not end in `/*`.
   */
  entityId?: EntityId
  /** The entity is `rooms/<roomId>`. */
  roomId?: RoomId
  /** The id that EventBridge gave the event. Two updates may have the same: `sequence` tells them apart. */
  id: EventId
  /** The id that a sender gives an update: 1 to 128 printable characters. */
  ownId?: OwnId
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

export interface Pong {
  type: 'pong'
}

export type ErrorCode =
  | 'frame_too_large'
  | 'invalid_json'
  | 'invalid_frame'
  | 'invalid_request_id'
  | 'missing_action'
  | 'unknown_action'
  | 'invalid_entity_id'
  | 'invalid_channel'
  | 'too_many_entities'
  | 'invalid_message'
  | 'invalid_id'
  | 'forbidden'
  | 'token_expired'
  | 'not_published'
  | 'invalid_cursor'
  | 'too_many_subscriptions'
  | 'connection_gone'
  | 'internal_error'

/** The frame was not followed. It repeats what the frame was about, if that can be repeated. */
export interface ErrorFrame {
  type: 'error'
  code: ErrorCode
  /** For people. Its words may change. */
  message: string
  channel?: string
  roomId?: string
  entityId?: string
  /** What a client chose to know the answer by. */
  requestId?: RequestId
}

/** It has no `type`. Its `requestId` is API Gateway's own. */
export interface GatewayError {
  message: string
  connectionId: string
  requestId: string
}

export interface EntityUpdated {
  type: 'Entity Updated'
  /**
   * 1 to 256 characters, at most 512 bytes of UTF-8. No control character, surrogate or noncharacter. It is not
   * `*` or `#everyone`, and does not end in `/*`.
   */
  entityId: EntityId
  /** The event's message, any JSON; absent if the event had none, or if `oversize`. */
  message?: PushedMessage
  /** The user whose client published the update; absent if a service put it. */
  from?: Publisher
  /** The version of the entity's state that a service gave the update. */
  version?: Version
  /** The id that a sender gives an update: 1 to 128 printable characters. */
  ownId?: OwnId
  /** The rule that made the update of a service's own event. */
  rule?: RuleName
  /** The id that EventBridge gave the event. Two updates may have the same: `sequence` tells them apart. */
  id: EventId
  /** When the event was put, in UTC: `2026-11-22T18:43:48Z`. */
  time: Time
  /** The update's number in its channel: 1, 2, 3 … without holes. Absent where the deployment stores no updates. */
  sequence?: Sequence
  /** A place in a channel. What is before the dot names the life of its history, what follows is the number. */
  cursor?: Cursor
  /** The message was too large to come along: fetch the state. */
  oversize?: Oversize
}

export interface UserPushNotification {
  type: 'User Push Notification'
  /** The event's message, any JSON; absent if the event had none, or if `oversize`. */
  message?: PushedMessage
  /** The event's callback, any JSON; absent if it had none, or if `oversize`. */
  callback?: unknown
  /** The user whose client published the update; absent if a service put it. */
  from?: Publisher
  /** The version of the entity's state that a service gave the update. */
  version?: Version
  /** The id that a sender gives an update: 1 to 128 printable characters. */
  ownId?: OwnId
  /** The rule that made the update of a service's own event. */
  rule?: RuleName
  /** The id that EventBridge gave the event. Two updates may have the same: `sequence` tells them apart. */
  id: EventId
  /** When the event was put, in UTC: `2026-11-22T18:43:48Z`. */
  time: Time
  /** The update's number in its channel: 1, 2, 3 … without holes. Absent where the deployment stores no updates. */
  sequence?: Sequence
  /** A place in a channel. What is before the dot names the life of its history, what follows is the number. */
  cursor?: Cursor
  /** The message was too large to come along: fetch the state. */
  oversize?: Oversize
}

export interface Broadcast {
  type: 'Broadcast'
  /** The event's message, any JSON; absent if the event had none, or if `oversize`. */
  message?: PushedMessage
  /** The user whose client published the update; absent if a service put it. */
  from?: Publisher
  /** The version of the entity's state that a service gave the update. */
  version?: Version
  /** The id that a sender gives an update: 1 to 128 printable characters. */
  ownId?: OwnId
  /** The rule that made the update of a service's own event. */
  rule?: RuleName
  /** The id that EventBridge gave the event. Two updates may have the same: `sequence` tells them apart. */
  id: EventId
  /** When the event was put, in UTC: `2026-11-22T18:43:48Z`. */
  time: Time
  /** The update's number in its channel: 1, 2, 3 … without holes. Absent where the deployment stores no updates. */
  sequence?: Sequence
  /** A place in a channel. What is before the dot names the life of its history, what follows is the number. */
  cursor?: Cursor
  /** The message was too large to come along: fetch the state. */
  oversize?: Oversize
}

/** An update as it is pushed. */
export type PushedFrame = EntityUpdated | UserPushNotification | Broadcast

/** An update as it was pushed. It always has a number. */
export type ReplayedUpdate = PushedFrame & {
  /** The update's number in its channel: 1, 2, 3 … without holes. Absent where the deployment stores no updates. */
  sequence: Sequence
  /** A place in a channel. What is before the dot names the life of its history, what follows is the number. */
  cursor: Cursor
}

export type ClosingCode = 'token_expires' | 'token_expired'

export interface Closing {
  type: 'closing'
  code: ClosingCode
  /** Whether to connect again. If not, stop, and tell people. */
  reconnect: boolean
}

/**
 * What a client sends. Unknown fields are ignored. Of several receivers in one frame, `entityIds` counts, else
 * `channel`.
 */
export type ClientFrame =
  | Subscribe
  | SubscribeToSeveral
  | SubscribeToChannel
  | Unsubscribe
  | UnsubscribeFromSeveral
  | UnsubscribeFromChannel
  | Publish
  | Chat
  | Ping

/** What answers a client's frame, and repeats its `requestId`. */
export type Answer = Subscribed | Unsubscribed | Answers | Published | ErrorFrame

/** What a client gets. */
export type ServerFrame = Answer | Pong | PushedFrame | Closing | GatewayError
