import { fetch as undiciFetch } from 'undici'
import { createStreamDispatcher } from '../../net/stream-agents.ts'
import { type Dialler, serviceOfHost } from './dialler.ts'

/** A `fetch` and the connections that it keeps. */
export interface MeshFetch extends AsyncDisposable {
  readonly fetch: typeof globalThis.fetch
}

/** Make a `fetch` for URLs whose host is the name of a service. */
export function createFetch(dialler: Dialler): MeshFetch {
  const dispatcher = createStreamDispatcher(host =>
    dialler.connect(serviceOfHost(host), { endsTogether: true }),
  )
  const fetch = (input: unknown, init?: object) =>
    undiciFetch(input as string, { ...init, dispatcher } as Parameters<typeof undiciFetch>[1])
  return {
    // The types of undici and of Node name the same things twice.
    fetch: fetch as unknown as typeof globalThis.fetch,
    [Symbol.asyncDispose]: () => dispatcher.destroy(),
  }
}
