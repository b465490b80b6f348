import type { ControllerChange } from '../core/api/controller.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'

/** Those who are told of changes. */
export interface Listeners {
  /** @returns a function that ends the listening */
  readonly add: (listener: (change: ControllerChange) => void) => () => void
  readonly emit: (change: ControllerChange) => void
}

/** Make an empty set of listeners. One that throws is logged: the change is stored, and others must hear of it. */
export function createListeners(log: Log): Listeners {
  const listeners = new Set<{ readonly tell: (change: ControllerChange) => void }>()
  return {
    add(tell) {
      const listener = { tell }
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    emit(change) {
      for (const { tell } of [...listeners]) {
        try {
          tell(change)
        } catch (error) {
          log.error('listener.failed', { change: change.change, message: toMeshError(error).message })
        }
      }
    },
  }
}
