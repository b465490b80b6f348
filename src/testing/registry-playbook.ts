import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { EndpointId, LinkId } from '../core/model/ids.ts'
import type { Ms } from '../core/model/time.ts'
import type { HalfId, Registry, RegistryAction, RelayId, Side } from '../core/registry/registry.ts'
import { playDialogue } from './dialogue.ts'

/**
 * Play a dialogue with a registry (see `playDialogue`), endpoints by any word. `<` is an action, `!` the code of an error,
 * `=` what was asked:
 *
 *     > 0 link 1 alice              the agent of alice opened link 1
 *     > 0 ask alice bob T           alice asks for a relay to bob; the ticket is T
 *     > 0 present 7 T dial          half 7 comes with ticket T, as its dialling side
 *     > 0 present 7 T dial alice    the same, over the link of alice
 *     > 0 unlink 1                  link 1 closed
 *     > 0 drop 7                    half 7 closed
 *     > 0 done 1                    relay 1 closed
 *     > 0 evict alice bob           with code `evicted`
 *     > 0 tell alice bob            broadcast; to all if nobody is named
 *     > 9 tick
 *     > 9 count                     links, relays, tickets, and entries of all tables
 */
export function playRegistry(registry: Registry, script: string): string[] {
  return playDialogue(script, (event, words, now) => {
    if (event === 'count') {
      const { linkCount, relayCount, openTicketCount, entryCount } = registry
      return [`= ${linkCount} links, ${relayCount} relays, ${openTicketCount} tickets, ${entryCount} entries`]
    }
    try {
      return feed(registry, event, words, now).map(action => `< ${formatAction(action)}`)
    } catch (error) {
      return [`! ${toMeshError(error).code}`]
    }
  })
}

function feed(registry: Registry, event: string, words: readonly string[], now: Ms): RegistryAction[] {
  const [first = '', second = '', third, fourth] = words
  const id = Number(first)
  const endpoints = words as readonly string[] as readonly EndpointId[]
  switch (event) {
    case 'link':
      return registry.linkOpened(id as LinkId, second as EndpointId)
    case 'unlink':
      return registry.linkClosed(id as LinkId)
    case 'ask':
      return registry.askRelay(first as EndpointId, second as EndpointId, third ?? '', now)
    case 'present':
      return registry.present(id as HalfId, second, third as Side, fourth as EndpointId | undefined, now)
    case 'drop':
      return registry.halfClosed(id as HalfId)
    case 'done':
      return registry.relayClosed(id as RelayId)
    case 'evict':
      return registry.evict(endpoints, new MeshError('evicted', 'Link ended: evicted'))
    case 'tell':
      return registry.broadcast({ event: 'draining' }, words.length === 0 ? undefined : endpoints)
    case 'tick':
      return registry.tick(now)
    default:
      throw new Error(`no event of a registry: ${event}`)
  }
}

function formatAction(action: RegistryAction): string {
  switch (action.do) {
    case 'send': {
      const { event, ...more } = action.event
      const rest = event === 'introduce' && 'peer' in more ? ` ${more.peer} ${more.ticket}` : ''
      return `send ${action.link} ${event}${rest}`
    }
    case 'close-link':
      return `close ${action.link} ${action.error.code}`
    case 'join':
      return `join ${action.relay}: ${action.dial} ${action.accept}`
    case 'refuse':
      return `refuse ${action.half} ${action.error.code}`
    case 'cut':
      return `cut ${action.relay}`
    case 'wake':
      return `wake ${action.at}`
  }
}
