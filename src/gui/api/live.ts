import type { QueryClient } from '@tanstack/react-query'
import { AGENT_EVENTS_PATH } from '../../core/api/agent-api.ts'
import { KEY_HEADER, logInAgain, readKey } from './login.ts'

/**
 * Ask again for what is shown whenever the agent tells of a change, for as long as the page lives; and each time the
 * connection to it is there again. Not an `EventSource`, which cannot send the key of the login.
 *
 * @param onState  hears whether the agent can be reached
 */
export function followChanges(queries: QueryClient, onState: (isReached: boolean) => void): () => void {
  const ended = new AbortController()
  void (async () => {
    let wasReached = false
    while (!ended.signal.aborted) {
      try {
        const answer = await fetch(AGENT_EVENTS_PATH, {
          headers: { [KEY_HEADER]: readKey() },
          signal: ended.signal,
        })
        if (answer.status === 401) logInAgain(wasReached)
        if (!answer.ok || answer.body === null) throw new Error(`events: ${answer.status}`)
        wasReached = true
        onState(true)
        const text = answer.body.pipeThrough(new TextDecoderStream())
        // Each event says that something changed; what, the queries find out.
        for await (const _ of text) await queries.invalidateQueries()
      } catch {
        if (ended.signal.aborted) return
      }
      onState(false)
      await new Promise(resolve => setTimeout(resolve, RETRY_MS))
    }
  })()
  return () => ended.abort()
}

const RETRY_MS = 2_000
