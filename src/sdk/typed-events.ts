/** Listeners by the name of what they hear. */
export interface TypedEvents<E extends object> extends AsyncIterable<EventOf<E>> {
  on<K extends keyof E>(name: K, listener: (event: E[K]) => void): this
  off<K extends keyof E>(name: K, listener: (event: E[K]) => void): this
  once<K extends keyof E>(name: K, listener: (event: E[K]) => void): this
}

/** Any event, with its name in `event`. */
export type EventOf<E extends object> = { [K in keyof E]: { readonly event: K } & E[K] }[keyof E]

/** The side that tells. */
export interface TypedEmitter<E extends object> {
  readonly events: TypedEvents<E>
  emit<K extends keyof E>(name: K, event: E[K]): void
  /** Whether anybody hears one of these, or all of them. */
  isHeard(...names: (keyof E)[]): boolean
  /** Nothing more comes: loops over the events end. */
  close(): void
}

/**
 * Make one. A listener that throws is a bug: the process hears of it, the others go on.
 *
 * @param onHearer  called when somebody begins to listen
 */
export function createTypedEmitter<E extends object>(onHearer: () => void = () => {}): TypedEmitter<E> {
  const listeners = new Map<keyof E, Set<(event: never) => void>>()
  const readers = new Set<Reader<EventOf<E>>>()
  let isOver = false

  const of = (name: keyof E) => {
    const known = listeners.get(name) ?? new Set()
    listeners.set(name, known)
    return known
  }
  const events: TypedEvents<E> = {
    on(name, listener) {
      of(name).add(listener)
      onHearer()
      return events
    },
    off(name, listener) {
      of(name).delete(listener)
      return events
    },
    once(name, listener) {
      const once = (event: E[typeof name]) => {
        of(name).delete(once)
        listener(event)
      }
      return events.on(name, once)
    },
    [Symbol.asyncIterator]() {
      const reader = createReader<EventOf<E>>(() => readers.delete(reader))
      if (isOver) reader.end()
      else readers.add(reader)
      onHearer()
      return reader
    },
  }
  return {
    events,
    emit(name, event) {
      for (const listener of [...of(name)])
        callSafely(() => (listener as (event: E[typeof name]) => void)(event))
      for (const reader of readers) reader.put({ event: name, ...event } as EventOf<E>)
    },
    isHeard: (...names) => readers.size > 0 || names.some(name => of(name).size > 0),
    close() {
      isOver = true
      for (const reader of readers) reader.end()
    },
  }
}

interface Reader<T> extends AsyncIterableIterator<T> {
  put(value: T): void
  end(): void
}

/** Holds what was not asked for yet, the newest of it. */
function createReader<T>(onReturn: () => void): Reader<T> {
  const held: T[] = []
  const waiting: ((result: IteratorResult<T>) => void)[] = []
  let isOver = false
  const end = () => {
    isOver = true
    for (const resolve of waiting.splice(0)) resolve({ done: true, value: undefined })
  }
  return {
    put(value) {
      const resolve = waiting.shift()
      if (resolve !== undefined) return resolve({ done: false, value })
      held.push(value)
      if (held.length > MAX_HELD_EVENTS) held.shift()
    },
    end,
    next() {
      const [value] = held.splice(0, 1)
      if (value !== undefined) return Promise.resolve({ done: false, value })
      if (isOver) return Promise.resolve({ done: true, value: undefined })
      return new Promise(resolve => waiting.push(resolve))
    },
    async return() {
      onReturn()
      end()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function callSafely(call: () => void): void {
  try {
    call()
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown
    })
  }
}

/** A loop that does not keep up loses the oldest beyond these. */
const MAX_HELD_EVENTS = 1_000
