/**
 * What went wrong.
 *
 * `code` is for programs: a code of the protocol, or one of this package (README.md lists them). `message` is for
 * people. An error frame's `entityId`, `roomId` or `channel` says what it is about; `cause` is the error behind it.
 */
export class PushError extends Error {
  constructor(code, details) {
    super(`${code}`.replaceAll('_', ' '))
    Object.assign(this, details)
    this.code = code
  }
}

/**
 * Return the error that an error frame of the server, or its last frame, tells of.
 *
 * @param {import('../types/frames.js').ErrorFrame | import('../types/frames.js').Closing} frame
 */
export const errorIn = (frame) => new PushError(frame.code, frame)
