import type { EndpointId, HubId } from '../../core/model/ids.ts'
import type { Context } from '../context.ts'
import type { RelayHubs } from '../relay-hubs.ts'
import type { EdgeRouterRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'

/** The hubs, as the Edge APIs show them. */
export interface EdgeRouters {
  /** A hub, to who may use it. */
  show(record: EdgeRouterRecord): object
  /**
   * In the order in which two are likely to meet: hubs near the one who asks, which it has links to, that also have one of
   * a host; then the others that a host has a link to; then the rest.
   *
   * @param asker  endpoint that asks
   * @param hosts  endpoints that host what it wants
   */
  nearestFirst(
    records: readonly EdgeRouterRecord[],
    asker: EndpointId,
    hosts: readonly EndpointId[],
  ): EdgeRouterRecord[]
}

/** Make it. @param hub  the one with the controller: everybody has a link to it */
export function createEdgeRouters({
  hub,
  relayHubs,
}: {
  readonly hub: { readonly id: HubId; readonly names: readonly string[] }
  readonly relayHubs: Pick<RelayHubs, 'list' | 'withLinkOf'>
}): EdgeRouters {
  return {
    show(record) {
      const relay = record.id === hub.id ? undefined : relayHubs.list().find(({ id }) => id === record.id)
      const isHere = record.id === hub.id
      const [address = ''] = isHere ? hub.names : (relay?.names ?? [])
      // Of a hub that only relays nothing is asked by these: it takes relays of who has a link to it.
      const urls = isHere
        ? { tls: `tls://${address}`, h2: `https://${address}` }
        : { 'ztm-relay': `ztm-relay://${address}` }
      return {
        id: record.id,
        name: record.name,
        hostname: address.replace(/:\d+$/, ''),
        isOnline: isHere || relay?.isOnline === true,
        isVerified: true,
        syncStatus: 'SYNC_DONE',
        cost: record.cost,
        noTraversal: record.noTraversal,
        disabled: record.disabled,
        roleAttributes: record.roleAttributes,
        supportedProtocols: urls,
        urls,
      }
    },
    nearestFirst(records, asker, hosts) {
      const near = new Set<string>(relayHubs.withLinkOf(asker))
      const there = new Set<string>(hosts.flatMap(host => relayHubs.withLinkOf(host)))
      const rank = ({ id }: EdgeRouterRecord) => {
        if (id === hub.id) return 1
        return near.has(id) && there.has(id) ? 0 : there.has(id) ? 2 : 3
      }
      return [...records].sort((a, b) => rank(a) - rank(b) || a.cost - b.cost)
    },
  }
}

/**
 * Have an edge router for each hub, and none for others: what administrators said of one stays while it is there. Within
 * a turn of `exclusive`, or before there are any.
 *
 * @throws MeshError as the store
 */
export async function keepEdgeRouters(
  edgeRouters: EdgeTables['edgeRouters'],
  hubs: readonly { readonly id: HubId; readonly names: readonly string[] }[],
  { clock }: Pick<Context, 'clock'>,
): Promise<void> {
  const ids = new Set<string>(hubs.map(({ id }) => id))
  for (const { id } of edgeRouters.list()) if (!ids.has(id)) await edgeRouters.delete(id)
  for (const { id, names } of hubs) {
    if (edgeRouters.get(id) !== undefined) continue
    const [address = 'hub'] = names
    const short = address.replace(/:\d+$/, '')
    const name = [short, address].find(one => edgeRouters.named(one) === undefined) ?? id
    const now = clock.now()
    await edgeRouters.put({
      version: 1,
      id,
      createdAtMs: now,
      updatedAtMs: now,
      tags: {},
      name,
      roleAttributes: [],
      isTunnelerEnabled: false,
      cost: 0,
      noTraversal: false,
      disabled: false,
    })
  }
}
