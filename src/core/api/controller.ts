import type { EndpointId } from '../model/ids.ts'
import type { ServiceName } from '../model/names.ts'
import type { EndpointIdentity } from '../model/spiffe-id.ts'
import type { Ms } from '../model/time.ts'
import type { Decision } from '../policy/rule.ts'
import type { Caller } from './caller.ts'
import type { CONTROLLER_API } from './hub-api.ts'
import type { Handlers } from './route.ts'
import type { AccessRevocation, Eviction, GroupChange } from './shapes.ts'

/** What changed at the controller, for the hub to pass on. */
export type ControllerChange =
  /** `endpoints`: everyone it puts out, connected or not. */
  | { readonly change: 'evicted'; readonly eviction: Eviction; readonly endpoints: readonly EndpointId[] }
  | { readonly change: 'eviction-undone'; readonly id: string }
  | { readonly change: 'services-changed'; readonly services: readonly ServiceName[] }
  | { readonly change: 'endpoint-removed'; readonly endpoint: EndpointId }
  /**
   * Somebody may not dial these services any more, and session tickets made before are void. `hosts`: every endpoint that
   * hosts one of them.
   */
  | {
      readonly change: 'access-revoked'
      readonly revocation: AccessRevocation
      readonly hosts: readonly EndpointId[]
    }
  /** `concerned`: these endpoints, and every one that hosts something that they may dial. */
  | {
      readonly change: 'groups-changed'
      readonly groups: GroupChange
      readonly concerned: readonly EndpointId[]
    }
  /** An endpoint may not host a service any more. */
  | { readonly change: 'hosting-ended'; readonly endpoint: EndpointId; readonly service: ServiceName }

/** Who sends a request to the Edge APIs, as the hub's port proved it. */
export type EdgeCaller = Caller

/** What the controller says to a request to the Edge APIs. */
export interface EdgeAnswer {
  readonly response: Response
  /** The request carried a session, or a certificate, that is good: its connection counts as a stranger's no more. */
  readonly isKnown: boolean
}

/**
 * What a hub needs of the controller beside serving its routes. The hub never imports the controller's room: this is
 * where they meet. Everything here answers from memory.
 */
export interface ControllerPort {
  readonly handlers: Handlers<typeof CONTROLLER_API, Caller>
  /**
   * Answer a request to the Edge APIs: those below `/edge/`, and `/.well-known/est/cacerts`. Never throws. The URL's host
   * means nothing; bodies come unread, and are not limited.
   */
  edge(request: Request, caller: EdgeCaller): Promise<EdgeAnswer>
  /** @returns a function that ends the listening */
  onChange(listener: (change: ControllerChange) => void): () => void
  /**
   * Whether a link of this endpoint may open, or go on.
   *
   * @param issuedAtMs  when its certificate was made
   * @throws MeshError `evicted`, or `not-trusted` if the endpoint was removed
   */
  admit(identity: EndpointIdentity, issuedAtMs: number): void
  /** Whether one endpoint may be introduced to another. */
  mayMeet(from: EndpointIdentity, to: EndpointId): Decision
  /** Whether the two may be told where the other is, to connect without a hub; only who may meet may. */
  mayMeetDirectly(from: EndpointIdentity, to: EndpointId): Decision
  /** Whether the endpoint may see the hub's log and counters. */
  mayAdminister(identity: EndpointIdentity): Decision
  /** All evictions in force. */
  evictions(): readonly Eviction[]
  /** The hub has a link of this endpoint now. @param address  `host:port` it comes from */
  connected(endpoint: EndpointId, address: string, now: Ms): void
  disconnected(endpoint: EndpointId, now: Ms): void
  /** The hub copied so many bytes more between two endpoints, both ways together. */
  relayed(between: readonly [EndpointId, EndpointId], byteCount: number): void
}
