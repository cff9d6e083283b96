/** A clock that moves when it is told to, in milliseconds. */
export class VirtualClock {
  time = 0
  #ahead = 0 // how far somebody has set the time of day
  #timers = new Map()
  #last = 0

  /** Return the clock as a client takes it. Its timers don't run once the page is gone. */
  forLife(life) {
    return {
      now: () => this.time + this.#ahead,
      setTimeout: (callback, milliseconds) => {
        const run = () => life.alive && callback()
        this.#timers.set(++this.#last, { due: this.time + milliseconds, run })
        return this.#last
      },
      clearTimeout: (timer) => void this.#timers.delete(timer),
    }
  }

  /** Return a time of day as a time since the beginning. */
  elapsed(timeOfDay) {
    return timeOfDay - this.#ahead
  }

  /** Run the timers that are due, and those that they set for now. */
  runDue() {
    for (let next; (next = this.#next(this.time));) this.#run(next)
  }

  /** Move to the next timer within so many milliseconds and run what is due then; or by so many. */
  advance(milliseconds) {
    const until = this.time + milliseconds
    const next = this.#next(until)
    this.time = next ? Math.max(this.time, next[1].due) : until
    this.runDue()
  }

  sleep(milliseconds) {
    this.time += milliseconds
    this.runDue()
  }

  jump(milliseconds) {
    this.#ahead += milliseconds
  }

  #next(until) {
    const due = [...this.#timers].filter(([, timer]) => timer.due <= until)
    return due.reduce((one, other) => (other[1].due < one[1].due ? other : one), due[0])
  }

  #run([id, timer]) {
    this.#timers.delete(id)
    timer.run()
  }
}
