import type { Duplex } from 'node:stream'
import { openZapServing, type ServingEnds, type ZapHandlers, type ZapServing } from './zap-serving.ts'

/** Whatever gives streams: what `listen` of the SDK returns, `net.Server`. */
export type StreamListener =
  | {
      /** @returns a function that ends it */
      onConnection(take: (stream: Duplex) => void): () => void
    }
  | {
      on(event: 'connection', take: (stream: Duplex) => void): unknown
      off(event: 'connection', take: (stream: Duplex) => void): unknown
    }

/** Connections that are being answered. */
export interface ZapServer extends AsyncDisposable {
  /** Those open now. */
  readonly connectionCount: number
  /** Calls whose handlers run. */
  readonly callCount: number
  /** Take no more connections and end those that are open; handlers hear of it through their signal. */
  close(): void
}

/**
 * Answer calls: on one stream, which belongs to the server from now on, or on all that a listener gives.
 *
 *     serveZap(server, { ...answer(ADD, ([a, b]) => a + b), ...answer(TAIL, path => readLines(path)) })
 *
 * A handler that throws a `MeshError` answers with its code and message; anything else it throws is told to `onError`, and
 * the caller learns no more than that it failed.
 */
export function serveZap(
  source: Duplex | StreamListener,
  handlers: ZapHandlers,
  options: ServingEnds = {},
): ZapServer {
  const servings = new Set<ZapServing>()
  let isClosed = false

  function onStream(stream: Duplex): void {
    if (isClosed) {
      stream.destroy()
      return
    }
    const serving = openZapServing(stream, handlers, {
      ...options,
      onEnd(error) {
        servings.delete(serving)
        options.onEnd?.(error)
      },
    })
    if (serving.isOpen) servings.add(serving)
  }

  function close(): void {
    isClosed = true
    stopListening?.()
    for (const serving of servings) serving.close()
  }

  let stopListening: (() => void) | undefined
  if (isStream(source)) onStream(source)
  else if ('onConnection' in source) stopListening = source.onConnection(onStream)
  else {
    source.on('connection', onStream)
    stopListening = () => source.off('connection', onStream)
  }

  return {
    get connectionCount() {
      return servings.size
    },
    get callCount() {
      return [...servings].reduce((sum, serving) => sum + serving.callCount, 0)
    },
    close,
    async [Symbol.asyncDispose]() {
      close()
    },
  }
}

function isStream(source: Duplex | StreamListener): source is Duplex {
  return 'write' in source
}
