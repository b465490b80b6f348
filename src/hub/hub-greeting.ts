import type { ControllerPort } from '../core/api/controller.ts'
import type { HubEvent } from '../core/api/events.ts'
import type { HubId, MeshId } from '../core/model/ids.ts'
import type { Clock } from '../core/model/time.ts'

/** What is told of a hub. */
export interface GreetingParts {
  readonly mesh: MeshId
  readonly id: HubId
  /** Where agents reach it: `host:port`. */
  readonly names: readonly string[]
  readonly version: string
  readonly controller: Pick<ControllerPort, 'evictions' | 'relayHubs' | 'isDraining'>
  readonly clock: Clock
}

/**
 * What a hub says first over a link.
 *
 * @param address  where it sees the agent come from
 * @param udp  its ports for questions by UDP, and the token of this agent; none where it has none
 */
export function greetingOf(
  { mesh, id, names, version, clock, controller }: GreetingParts,
  address: string,
  udp: { readonly ports: readonly number[]; readonly token: string } | undefined,
): HubEvent {
  return {
    event: 'hello',
    mesh,
    hub: id,
    names: [...names],
    version,
    timeMs: clock.now(),
    evictions: [...controller.evictions()],
    ...(controller.relayHubs && { hubs: [...controller.relayHubs.known()] }),
    ...(controller.isDraining() && { isDraining: true }),
    address,
    ...(udp !== undefined && { udp: { ports: [...udp.ports], token: udp.token } }),
  }
}
