import type { z } from 'zod'
import type { pathShape } from '../core/api/agent-api.ts'
import type { MeshInfo } from '../core/api/mesh-shape.ts'
import type { EndpointInfo } from '../core/api/shapes.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Membership } from './membership.ts'

/** All meshes, by name: in the order they were joined they would come in another one after a restart. */
export function viewMeshes(memberships: Iterable<Membership>): MeshInfo[] {
  return [...memberships].map(viewMesh).sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A mesh, as the local API shows it. */
export function viewMesh(membership: Membership): MeshInfo {
  const { record, link } = membership
  const state = link.state
  const base = {
    name: record.name,
    id: record.id,
    endpoint: record.endpoint,
    bootstraps: record.bootstraps,
    certificateExpiresAtMs: record.expiresAtMs,
  }
  if (!record.isEnabled) return { ...base, state: 'disabled', sinceMs: record.joinedAtMs }
  switch (state.state) {
    case 'online':
      return { ...base, state: 'online', sinceMs: state.since, hub: state.bootstrap }
    case 'connecting':
      return {
        ...base,
        state: 'connecting',
        sinceMs: state.since,
        hub: state.bootstrap,
        ...(state.lastError && { error: state.lastError.toBody() }),
      }
    case 'waiting':
      return { ...base, state: 'offline', sinceMs: state.since, error: state.lastError.toBody() }
    case 'stopped':
      return { ...base, state: 'offline', sinceMs: record.joinedAtMs }
  }
}

/** The ways to peers, as the local API shows them. */
export function viewPaths(membership: Membership): z.output<typeof pathShape>[] {
  const called = (endpoint: EndpointId) => {
    const name = membership.known.nameOf(endpoint)
    return { endpoint, ...(name !== undefined && { name }) }
  }
  const open = membership.peers.all.map(session => {
    return {
      ...called(session.identity.endpoint),
      path: session.path,
      state: 'open' as const,
      sinceMs: session.openedAtMs,
      streamCount: session.streamCount,
      sentBytes: session.sentBytes,
      receivedBytes: session.receivedBytes,
      ...(session.roundTripMs !== undefined && { roundTripMs: session.roundTripMs }),
    }
  })
  const others = membership.peers.others.map(({ endpoint, path, sinceMs, error }) => ({
    ...called(endpoint),
    path,
    state: error === undefined ? ('opening' as const) : ('failed' as const),
    sinceMs,
    streamCount: 0,
    ...(error && { error: error.message }),
  }))
  return [...open, ...others]
}

/** An endpoint, and whether it is this one. */
export function viewEndpoint(
  membership: Membership,
  endpoint: EndpointInfo,
): EndpointInfo & { isLocal: boolean } {
  return { ...endpoint, isLocal: endpoint.id === membership.self.endpoint }
}
