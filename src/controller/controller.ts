import { randomBytes } from 'node:crypto'
import type { BillingStatus } from '../core/api/billing-api.ts'
import type { ControllerPort } from '../core/api/controller.ts'
import { bootstrapsOf } from '../core/api/hubs-api.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { HubId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { UserName } from '../core/model/names.ts'
import type { Permit } from '../core/model/permit.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Store } from '../core/model/store.ts'
import type { Clock } from '../core/model/time.ts'
import type { Decision, Rule } from '../core/policy/rule.ts'
import type { Authority } from '../pki/authority.ts'
import type { HubTokenSigner } from '../pki/hub-token.ts'
import { type BillingOptions, createNoBilling, type DialGate, openBilling } from './billing/billing.ts'
import { openCatalogue } from './catalogue.ts'
import { createCatalogueHandlers } from './catalogue-handlers.ts'
import { followKinds } from './changed-kinds.ts'
import type { Context } from './context.ts'
import { type ControllerState, openControllerState } from './controller-state.ts'
import { createDialReview } from './dial-review.ts'
import type { ApiSessions } from './edge/api-sessions.ts'
import { createCredentials } from './edge/credentials.ts'
import { type Edge, openEdge } from './edge/edge.ts'
import type { FetchJson } from './edge/jwks-cache.ts'
import { createEndpointHandlers } from './endpoint-handlers.ts'
import { createEnrolment } from './enrolment.ts'
import { createEvictionHandlers } from './eviction-handlers.ts'
import { createExclusive } from './exclusive.ts'
import { createGroupHandlers } from './group-handlers.ts'
import { createInvitationHandlers } from './invitation-handlers.ts'
import { type ControllerLimits, DEFAULT_LIMITS } from './limits.ts'
import { createListeners } from './listeners.ts'
import { createReach } from './reach.ts'
import { createHubsHandlers, createHubsPort } from './relay-hub-handlers.ts'
import { createServiceHandlers } from './services.ts'
import { createSessionHandlers } from './sessions.ts'
import { createUserHandlers } from './user-handlers.ts'

/** What a controller is made of. */
export interface ControllerOptions {
  /** The controller is the only writer of what it keeps there; it does not dispose it. */
  readonly store: Store
  readonly authority: Authority
  /** `names`: where agents reach the hub, `host:port`; they go into permits. */
  readonly hub: { readonly id: HubId; readonly names: readonly string[] }
  /** The hub's own identity at the time of the call, which signs session tickets. */
  readonly signer: () => HubTokenSigner
  readonly clock: Clock
  readonly log: Log
  /** That many unguessable bytes; those of the operating system by default. */
  readonly random?: (byteCount: number) => Uint8Array
  readonly limits?: Partial<ControllerLimits>
  /** How long a certificate of an endpoint is good; 24 h by default. */
  readonly validity?: { readonly endpointMs?: number }
  /** Sessions are paid for; off if absent. */
  readonly billing?: BillingOptions
  /** Rules of the mesh's owner beside the standing ones. */
  readonly rules?: readonly Rule[]
  /** Fetches key sets of issuers of tokens; none of theirs can be checked without it. */
  readonly fetchJson?: FetchJson
  /** Of the software, to show. */
  readonly version?: string
}

/**
 * The controller of a mesh: who is a member, who hosts what, who may dial it. It answers from memory; a change is in
 * the store before it is acknowledged, and a change that the store refuses did not happen.
 */
export interface Controller extends ControllerPort, AsyncDisposable {
  readonly endpointCount: number
  /** How billing is, without asking Commerce. */
  billingStatus(): BillingStatus
  /** End API sessions that nobody uses, and write down what was used; done from time to time anyway. */
  sweepSessions(): Promise<void>
  /** The permit that makes endpoints of user root: the same at each start, until it is rotated. */
  rootPermit(): Promise<Permit>
  /** Make another root permit; from then on the old one opens nothing. */
  rotateRootPermit(): Promise<Permit>
}

/**
 * Open the controller on what the store holds. Records that cannot be read are logged and passed over.
 *
 * @throws MeshError `storage-failed` if the store cannot be read at all
 */
export async function openController(options: ControllerOptions): Promise<Controller> {
  const { authority, hub, clock, log } = options
  const listeners = createListeners(log)
  const context: Context = {
    store: options.store,
    clock,
    log,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    random: options.random ?? randomBytes,
    exclusive: createExclusive(),
    emit: listeners.emit,
  }
  const state = await openControllerState(context, options)
  const { edge, endpoints, evictions, presence, members, decisions, rootPermits, declared } = state
  const catalogue = await openCatalogue(context)
  const billing = options.billing
    ? await openBilling(context, options.billing, { ...state, payerOf: payerOf(state) })
    : createNoBilling(state)
  const memberOf = ({ mesh, user, endpoint }: EndpointIdentity) => {
    const record = endpoints.get(endpoint)
    const isMember = mesh === authority.mesh && record?.user === user && !members.isEvicted(record)
    return isMember ? record : undefined
  }
  const permitOf = (record: { certificate: string; privateKey: string }): Permit => ({
    ca: authority.rootCertificatePem,
    agent: { certificate: record.certificate, privateKey: record.privateKey },
    bootstraps: bootstrapsOf(hub.names, state.relayHubs.known()),
  })
  const endpointValidMs = options.validity?.endpointMs ?? DAY_MS
  const { views, kindChanges: kinds, meshChanges: changes } = state
  const followed = followKinds({ ...context, onChange: listeners.add, kinds, views, changes })
  const sessionsChanged = () => followed.note('session')
  const served = await serveEdge(context, options, { state, gate: billing.gate, sessionsChanged })
  const sweep = sweepSessions(edge.sessions, context)
  const hubParts = { ...state, authority, hub, signer: options.signer }
  return {
    ...createHubsPort(context, hubParts),
    handlers: {
      ...createHubsHandlers(context, hubParts),
      ...createEnrolment(context, {
        ...state,
        authority,
        hub,
        endpointValidMs,
        renewSession: (member, publicKeyPem) => state.certificates.renew(member, publicKeyPem, clock.now()),
      }),
      ...createEndpointHandlers(context, state),
      ...createServiceHandlers(context, state),
      ...createDialReview(context, state),
      ...createReach(state),
      ...createSessionHandlers(context, {
        ...state,
        mesh: authority.mesh,
        hub: hub.id,
        signer: options.signer,
        gate: billing.gate,
        isDeclared: state.policies.isDeclared,
        noteDial(member, service) {
          const record = declared.get(service)
          if (record === undefined) return
          const identityId = edge.subjectOf(member)
          edge.grants.note(identityId, record.id)
          served.noteSession(
            { apiSessionId: member.id, identityId, service: record, type: 'Dial' },
            clock.now(),
          )
        },
      }),
      ...billing.handlers,
      ...createUserHandlers(context, state),
      ...createInvitationHandlers(context, state),
      ...createGroupHandlers(context, state),
      ...createEvictionHandlers(context, state),
      ...createCatalogueHandlers(context, { ...state, catalogue, mesh: authority.mesh }),
    },
    edge: served.answer,
    sweepSessions: () => edge.sessions.sweep(clock.now()),
    get endpointCount() {
      return endpoints.size
    },
    relayed: billing.relayed,
    billingStatus: billing.status,
    onChange: listeners.add,
    admit: (identity, issuedAtMs) => void members.admit(identity, issuedAtMs),
    mayMeet(from, to) {
      const [asking, wanted] = [memberOf(from), endpoints.get(to)]
      return asking && wanted ? decisions.meet(asking, wanted) : NO
    },
    mayMeetDirectly(from, to) {
      const [asking, wanted] = [memberOf(from), endpoints.get(to)]
      return asking && wanted ? decisions.meetDirectly(asking, wanted) : NO
    },
    mayAdminister(identity) {
      const asking = memberOf(identity)
      return asking ? decisions.administer(asking) : NO
    },
    evictions: evictions.list,
    connected(endpoint, address, now) {
      if (endpoints.get(endpoint) !== undefined) presence.connected(endpoint, address, now)
    },
    disconnected(endpoint, now) {
      const session = edge.sessions.get(endpoint, now)
      // A login that was at work has its time from here on.
      if (session !== undefined) edge.sessions.touch(session, now)
      presence.disconnected(endpoint, now)
    },
    rootPermit: async () => permitOf(await rootPermits.current()),
    rotateRootPermit: async () => permitOf(await rootPermits.rotate()),
    async [Symbol.asyncDispose]() {
      followed[Symbol.dispose]()
      state.meshChanges[Symbol.dispose]()
      await billing[Symbol.asyncDispose]()
      clearInterval(sweep)
      await edge.grants[Symbol.asyncDispose]()
      await context.exclusive(async () => undefined)
      await presence[Symbol.asyncDispose]()
    },
  }
}

/** An identity pays from the account that its provider knows it by; whoever has none by the name in the mesh. */
function payerOf({ edge }: ControllerState): (user: UserName) => string {
  return user => edge.tables.identities.get(user)?.externalId ?? user
}

/** Serve the Edge APIs, with what judges credentials. */
async function serveEdge(
  context: Context,
  options: ControllerOptions,
  { state, ...rest }: { state: ControllerState; gate: DialGate; sessionsChanged: () => void },
): Promise<Edge> {
  const { authority, hub, signer, fetchJson = fetchNothing, version = '0' } = options
  const { edge, members } = state
  const credentials = createCredentials(context, {
    tables: edge.tables,
    authority,
    signer,
    hosts: hub.names,
    fetchJson,
    identityOf: caller => edge.identityOf(caller, members),
  })
  const parts = { ...state, ...credentials, state: edge, authority, hub, signer, ...rest, version }
  return await openEdge(context, parts)
}

/** End logins that nobody uses, from time to time. */
function sweepSessions(sessions: ApiSessions, { clock, log }: Context): NodeJS.Timeout {
  const sweep = () =>
    sessions.sweep(clock.now()).catch(error => {
      log.error('api-sessions.not-swept', { code: toMeshError(error).code })
    })
  return setInterval(sweep, SWEEP_MS).unref()
}

const NO: Decision = { allow: false, rule: undefined }
const DAY_MS = 86_400_000
/** How often logins are looked at that nobody uses. */
const SWEEP_MS = 5_000
const fetchNothing: FetchJson = async url => {
  throw new MeshError('unsupported', `Cannot fetch ${url}: this controller fetches nothing`)
}
