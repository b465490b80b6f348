import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import type { Agent, AgentChange } from './agent.ts'
import { viewMeshes } from './views.ts'

/**
 * Tell a browser what changes, for as long as it listens: all meshes at once, then each change by its topic. What comes within
 * `GATHER_MS` of the last words is told together, each thing once: a storm of changes is a few events a second.
 */
export function streamEvents(context: Context, agent: Agent): Response {
  return streamSSE(context, async stream => {
    const tell = (event: string, data: unknown) => stream.writeSSE({ event, data: JSON.stringify(data) })
    let news = new Map<string, AgentChange>()
    let wake = () => {}
    const end = agent.onChange(change => {
      const key = change.topic === 'meshes' ? change.topic : `${change.topic} ${change.mesh}`
      news.set(key, joinChanges(news.get(key), change))
      wake()
    })
    stream.onAbort(() => {
      end()
      wake()
    })
    await tell('meshes', viewMeshes(agent.meshes.values()))
    while (!stream.aborted) {
      if (news.size === 0) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
        continue
      }
      const told = news
      news = new Map()
      for (const change of told.values()) {
        const { topic: event, ...data } = change
        await tell(event, event === 'meshes' ? viewMeshes(agent.meshes.values()) : data)
      }
      await stream.sleep(GATHER_MS)
    }
    end()
  })
}

/** Two changes of one topic as one; endpoints that are too many to be named are any. */
function joinChanges(before: AgentChange | undefined, change: AgentChange): AgentChange {
  if (before?.topic === 'controller' && change.topic === 'controller')
    return { ...change, kinds: [...new Set([...before.kinds, ...change.kinds])] }
  if (before?.topic !== 'endpoints' || change.topic !== 'endpoints') return change
  const { endpoints: a } = before
  const { endpoints: b } = change
  const all = a === undefined || b === undefined ? undefined : [...new Set([...a, ...b])]
  return { ...change, endpoints: all === undefined || all.length > MAX_NAMED ? undefined : all }
}

/** Between two words to a browser. */
const GATHER_MS = 150
/** Endpoints that one event names. */
const MAX_NAMED = 500
