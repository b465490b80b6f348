import type { QueryClient } from '@tanstack/react-query'
import { AGENT_EVENTS_PATH } from '../../core/api/agent-api.ts'
import { KEY_HEADER, logInAgain, readKey } from './login.ts'
import { createEventReader, type ServerEvent } from './server-events.ts'
import { type Change, isStale } from './stale-queries.ts'

/**
 * Ask again for what is shown whenever the agent tells that it changed, for as long as the page lives; for everything each time
 * the connection to it is there again. Not an `EventSource`, which cannot send the key of the login.
 *
 * @param onState  hears whether the agent can be reached
 */
export function followChanges(queries: QueryClient, onState: (isReached: boolean) => void): () => void {
  const ended = new AbortController()
  const refresh = createRefresh(queries, ended.signal)
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
        const read = createEventReader()
        for await (const text of answer.body.pipeThrough(new TextDecoderStream()))
          refresh(read(text).map(changeOf))
      } catch {
        if (ended.signal.aborted) return
      }
      onState(false)
      await sleep(RETRY_MS)
    }
  })()
  return () => ended.abort()
}

/** Asks at once for what changed; what changes while it is asked for is asked for together after that. */
function createRefresh(queries: QueryClient, signal: AbortSignal): (changes: readonly Change[]) => void {
  let waiting: Change[] = []
  let isBusy = false
  return changes => {
    waiting.push(...changes)
    if (isBusy || waiting.length === 0) return
    isBusy = true
    void (async () => {
      while (waiting.length > 0 && !signal.aborted) {
        const taken = waiting
        waiting = []
        const asked = queries.invalidateQueries({ predicate: ({ queryKey }) => isStale(queryKey, taken) })
        // One slow answer holds back nobody for long; a storm of changes asks a few times a second.
        await Promise.race([asked, sleep(MAX_WAIT_MS)])
        await sleep(PAUSE_MS)
      }
      isBusy = false
    })()
  }
}

function changeOf({ event, data }: ServerEvent): Change {
  const { mesh, kinds } = (data ?? {}) as { mesh?: unknown; kinds?: unknown }
  return {
    topic: event,
    mesh: typeof mesh === 'string' ? mesh : undefined,
    kinds: Array.isArray(kinds) ? kinds : undefined,
  }
}

const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
const RETRY_MS = 2_000
const MAX_WAIT_MS = 1_000
const PAUSE_MS = 250
