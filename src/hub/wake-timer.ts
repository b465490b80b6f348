import type { Clock, Ms } from '../core/model/time.ts'

/** One timer for all wakes: they come in the order of their times, and whoever is woken asks for the next. */
export interface WakeTimer extends Disposable {
  /** Wake at that time, unless a wake is set already. */
  at(time: Ms): void
}

/** Make it. */
export function createWakeTimer(clock: Clock, wake: () => void): WakeTimer {
  let timer: NodeJS.Timeout | undefined
  return {
    at(time) {
      if (timer !== undefined) return
      const woken = () => {
        timer = undefined
        wake()
      }
      timer = setTimeout(woken, Math.max(0, time - clock.now())).unref()
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}
