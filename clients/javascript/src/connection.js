import { watchLiveness } from './liveness.js'
import { PushError } from './push-error.js'

/**
 * An answer; or an error as which API Gateway's own is told.
 *
 * @typedef {import('../types/frames.js').Answer | { type: 'error', code: 'gateway_error', message: string }} Answer
 */

/** Whether a code says that a connection has no right any more: ask on another one. */
export const isOver = (code) => /token_expired|connection_gone/.test(code)

/**
 * One WebSocket, from its opening to its end.
 *
 * `on.opened()`, `on.received(frame)` (a frame that answers no question), `on.works()` (the server has answered) and
 * `on.lost()` (once, whoever ended it) are called, and `on.deaf()` by who learns that nothing is pushed any more.
 *
 * @throws what the WebSocket's constructor throws
 */
export function openConnection(settings, token, on) {
  const { url, WebSocket = globalThis.WebSocket, answerTimeout, setTimeout, clearTimeout } = settings
  if (!WebSocket) throw new PushError('no_WebSocket', { fatal: true })
  const socket = new WebSocket(url, token ? ['websocket', token] : [])
  const questions = new Map()
  let asked = 0
  let over = false
  let retiring = false

  function close(event) {
    if (over) return
    over = true
    liveness.close()
    socket.close()
    on.lost()
    for (const { timer, lost } of questions.values()) {
      clearTimeout(timer)
      lost?.(event?.code)
    }
  }

  const liveness = watchLiveness(settings, () => socket.send('{"action":"ping"}'), close)

  /** @param {Answer} frame */
  function answer(requestId, frame) {
    const question = questions.get(requestId)
    if (!question) return false
    questions.delete(requestId)
    clearTimeout(question.timer)
    if (frame.type !== 'error') on.works()
    question.answered(frame)
    if (retiring && !questions.size) close()
    return true
  }

  /** @param {import('../types/frames.js').ServerFrame & { type?: string, message?: any, requestId?: import('../types/frames.js').RequestId }} frame */
  function receive(frame) {
    liveness.received()
    const { type, message, requestId } = frame
    if (type) {
      if (!answer(requestId, /** @type {Answer} */ (frame))) on.received(frame)
    } else if (message) {
      // API Gateway's own frames don't say which question they answer: it may be any.
      for (const id of [...questions.keys()]) answer(id, { type: 'error', code: 'gateway_error', message })
    }
  }

  socket.onopen = () => {
    if (over) return
    liveness.received()
    on.opened()
  }
  socket.onmessage = ({ data }) => {
    try {
      if (!over) receive(JSON.parse(data) ?? {})
    } catch (cause) {
      // It was garbled, or lacks what it must have. What it stood for is fetched on another connection.
      on.told(new PushError('invalid_frame', { cause }))
      close()
    }
  }
  socket.onerror = () => {} // a close follows; the package ws throws what nobody listens to
  socket.onclose = close

  return {
    /**
     * Send a frame. Call `answered` with its answer, or `lost` with the close code if the connection ends before.
     *
     * @param {import('../types/frames.js').ClientFrame} frame
     * @param {(answer: Answer) => void} answered
     * @param repeatable whether the frame may be sent again when no answer comes
     */
    ask(frame, answered, lost, repeatable = true) {
      const requestId = ++asked
      const text = JSON.stringify({ ...frame, requestId })
      const question = { answered, lost }
      const send = (late) => {
        if (!late || repeatable) socket.send(text)
        question.timer = setTimeout(late ? close : () => send(true), answerTimeout)
      }
      questions.set(requestId, question)
      send()
    },

    check: liveness.check,
    /** The server has said that it takes and pushes nothing here any more. */
    deaf: on.deaf,
    close,

    /** Close as soon as no answer is outstanding. */
    retire() {
      retiring = true
      if (!questions.size) close()
    },
  }
}
