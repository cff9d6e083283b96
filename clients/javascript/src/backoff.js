/** Pauses with full jitter: random ones, below a bound that doubles until `reset`. */
export function createBackoff({ backoff: { first, most }, random }) {
  let failures = 0
  return {
    next: () => random() * Math.min(most, first * 2 ** failures++),
    reset() {
      failures = 0
    },
  }
}
