import type { EndpointInfo } from '../core/api/shapes.ts'
import { parseName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'

/** An endpoint of a test's mesh as the controller would describe it. */
export function describeEndpoint({
  identity,
  name,
  isOnline,
}: {
  readonly identity: EndpointIdentity
  readonly name: string
  readonly isOnline: boolean
}): EndpointInfo {
  return {
    id: identity.endpoint,
    name: parseName(name),
    user: identity.user,
    labels: [],
    givenLabels: [],
    version: 'test',
    isOnline,
    lastSeenMs: 0,
  }
}
