import type { ErrorBody } from '../model/errors.ts'
import type { EndpointId, HubId } from '../model/ids.ts'
import type { ServiceName, UserName } from '../model/names.ts'
import type { EndpointIdentity, Identity } from '../model/spiffe-id.ts'
import type { Ms } from '../model/time.ts'
import type { Decision } from '../policy/rule.ts'
import type { Caller } from './caller.ts'
import type { CONTROLLER_API } from './hub-api.ts'
import type { KnownHub } from './hubs-api.ts'
import type { RELAY_HUB_API } from './relay-hub-api.ts'
import type { Handlers } from './route.ts'
import type { AccessRevocation, Eviction, GroupChange, HubInfo } from './shapes.ts'

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
  /** Hubs that only relay came, went or are reached elsewhere. */
  | {
      readonly change: 'hubs-changed'
      readonly hubs: readonly KnownHub[]
      /** The hub with the controller is being drained. */
      readonly isDraining?: boolean
    }
  /** At a hub that only relays: the controller says that these may have no link. */
  | {
      readonly change: 'links-refused'
      readonly refused: readonly { readonly endpoint: EndpointId; readonly error: ErrorBody }[]
    }

/** By what certificate a link was opened. */
export interface LinkProof {
  readonly user: UserName
  readonly issuedAtMs: number
}

/** What the hub of the controller needs for the hubs that only relay. A hub that only relays itself has none of it. */
export interface RelayHubsPort {
  readonly handlers: Handlers<typeof RELAY_HUB_API, Caller>
  /** @throws MeshError `not-trusted` for a hub that is not of the mesh, or no more */
  admit(identity: Extract<Identity, { kind: 'relay-hub' }>): void
  /** As agents are told of them. */
  known(): readonly KnownHub[]
  /** As they are shown, by what they last said of themselves. */
  list(): readonly HubInfo[]
  /** It hears of changes now. @returns a function for when it does no more */
  connected(hub: HubId): () => void
}

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
  /** Whether this hub is to relay nothing new. */
  isDraining(): boolean
  /** Absent at a hub that only relays. */
  readonly relayHubs: RelayHubsPort | undefined
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
  /**
   * Whether one endpoint may be introduced to another.
   *
   * @param pass  the meeting pass that was shown: all that a hub that only relays goes by
   * @throws MeshError `bad-ticket` for a pass that is no good, where one is needed
   */
  mayMeet(from: EndpointIdentity, to: EndpointId, pass?: string): Decision
  /** Whether the two may be told where the other is, to connect without a hub; only who may meet may. @throws as `mayMeet` */
  mayMeetDirectly(from: EndpointIdentity, to: EndpointId, pass?: string): Decision
  /** Whether the endpoint may see the hub's log and counters. */
  mayAdminister(identity: EndpointIdentity): Decision
  /** All evictions in force. */
  evictions(): readonly Eviction[]
  /** The hub has a link of this endpoint now. @param address  `host:port` it comes from */
  connected(endpoint: EndpointId, address: string, now: Ms, shown?: LinkProof): void
  disconnected(endpoint: EndpointId, now: Ms): void
  /** The hub copied so many bytes more between two endpoints, both ways together. */
  relayed(between: readonly [EndpointId, EndpointId], byteCount: number): void
}
