/** How often to look whether the machine has slept: a timer that is much too late tells. */
const LOOK_EVERY = 30_000

/** Browsers delay timers of hidden pages by up to a minute. That is no sleep. */
const SLEPT = 120_000

/**
 * Watch whether a connection still works.
 *
 * A ping goes out after `pingAfter` without a frame, after the machine has slept, and on `check`. Frames that come in
 * are enough to look at, since what is sent is answered. Without one within `pongTimeout` after a ping, the
 * connection is dead.
 *
 * Idle time is summed up from timers, since a clock may be set. The clock itself only tells of sleep.
 */
export function watchLiveness({ pingAfter, pongTimeout, now, setTimeout, clearTimeout }, ping, dead) {
  let timer
  let idle = 0
  let pinged = false

  function arm(milliseconds, then) {
    clearTimeout(timer)
    const due = now() + milliseconds
    timer = setTimeout(() => then(now() - due), milliseconds)
  }

  function look() {
    const step = Math.min(LOOK_EVERY, pingAfter - idle)
    arm(step, (late) => {
      idle += step
      if (late > SLEPT || idle >= pingAfter) check()
      else look()
    })
  }

  function check() {
    if (pinged) return
    pinged = true
    ping()
    arm(pongTimeout, dead)
  }

  return {
    check,
    received() {
      idle = 0
      pinged = false
      look()
    },
    close: () => clearTimeout(timer),
  }
}
