import type { Caller } from '../core/api/caller.ts'
import type { RelayHubsPort } from '../core/api/controller.ts'
import type { HUBS_ROUTES } from '../core/api/hubs-api.ts'
import type { RELAY_HUB_API } from '../core/api/relay-hub-api.ts'
import type { Handlers } from '../core/api/route.ts'
import { refuseSkew } from '../core/model/clock-skew.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { HubId } from '../core/model/ids.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import { explain } from '../core/policy/standing-rules.ts'
import type { Authority } from '../pki/authority.ts'
import type { HubTokenSigner } from '../pki/hub-token.ts'
import { keyFingerprint } from '../pki/key-pair.ts'
import { sealMeetingPass } from '../pki/meeting-pass.ts'
import { openSigningRequest } from '../pki/signing-request.ts'
import { createAttempts } from './attempts.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import { keepEdgeRouters } from './edge/edge-routers.ts'
import type { EdgeTables } from './edge/edge-tables.ts'
import type { Endpoints } from './endpoints.ts'
import type { Members } from './members.ts'
import { type RelayHubRecord, type RelayHubs, requireHubNames } from './relay-hubs.ts'

interface Parts {
  readonly authority: Authority
  readonly relayHubs: RelayHubs
  readonly endpoints: Endpoints
  readonly members: Members
  readonly decisions: Decisions
  readonly hub: { readonly id: HubId; readonly names: readonly string[] }
  readonly edge: { readonly tables: Pick<EdgeTables, 'edgeRouters'> }
  readonly signer: () => HubTokenSigner
}

/** Serve what members ask about hubs: administrators let them in and put them out, everybody asks for passes. */
export function createHubsHandlers(context: Context, parts: Parts): Handlers<typeof HUBS_ROUTES, Caller> {
  const { clock, log, exclusive } = context
  const { authority, relayHubs, endpoints, members, decisions, hub, signer } = parts
  return {
    createHub: ({ body, caller }) =>
      exclusive(async () => {
        const { user } = members.require(caller)
        decisions.requireAdminister(members.require(caller), 'let a hub in')
        const { record, token } = await relayHubs.invite(user, body.validMs)
        log.info('hub.invited', { hub: record.id, by: user })
        return { hub: record.id, token, expiresAtMs: record.expiresAtMs }
      }),
    removeHub: ({ params, caller }) =>
      exclusive(async () => {
        const member = members.require(caller)
        decisions.requireAdminister(member, 'remove a hub')
        if (params.hub === hub.id)
          throw new MeshError('denied', 'Cannot remove hub: the controller is in it: stop it instead')
        if (relayHubs.get(params.hub) === undefined)
          throw new MeshError('not-found', 'Cannot remove hub: there is none of that id: list the hubs')
        await relayHubs.remove(params.hub)
        log.warn('hub.removed', { hub: params.hub, by: member.user })
        await changed(context, parts)
        return undefined
      }),
    drainHub: ({ params, body, caller }) =>
      exclusive(async () => {
        const member = members.require(caller)
        decisions.requireAdminister(member, 'drain a hub')
        await setDraining(parts, params.hub, body.isDraining)
        log.info(body.isDraining ? 'hub.draining' : 'hub.not-draining', { hub: params.hub, by: member.user })
        await changed(context, parts)
        return undefined
      }),
    async openMeeting({ body, caller }) {
      const from = members.require(caller)
      const to = endpoints.get(body.endpoint)
      if (to === undefined)
        throw new MeshError('not-found', `Cannot meet endpoint ${body.endpoint}: it is not in this mesh`)
      const decision = decisions.meet(from, to)
      if (!decision.allow)
        throw new MeshError('denied', `Cannot reach endpoint ${body.endpoint}: ${explain(decision)}`)
      const { mesh } = authority
      const claims = {
        hub: { kind: 'hub', mesh, hub: hub.id },
        from: { kind: 'endpoint', mesh, user: from.user, endpoint: from.id },
        to: to.id,
        isDirect: decisions.meetDirectly(from, to).allow,
      } as const
      const sealed = await sealMeetingPass(signer(), claims, clock.now())
      return { ...sealed, hubs: [...relayHubs.withLinkOf(to.id)] }
    },
  }
}

/** What the hub of the controller needs for the hubs that only relay, and whether it is being drained itself. */
export function createHubsPort(
  context: Context,
  parts: Parts,
): { readonly relayHubs: RelayHubsPort; isDraining(): boolean } {
  const { known, list, connected, own } = parts.relayHubs
  const handlers = createRelayHubHandlers(context, parts)
  const admit: RelayHubsPort['admit'] = identity => void requireHub(parts, identity)
  return { relayHubs: { handlers, admit, known, list, connected }, isDraining: () => own.isDraining }
}

function createRelayHubHandlers(context: Context, parts: Parts): Handlers<typeof RELAY_HUB_API, Caller> {
  const { clock, log, limits, exclusive } = context
  const { relayHubs, members } = parts
  const attempts = createAttempts({
    maxFailures: limits.enrolmentFailuresPerMinute,
    maxAddresses: limits.enrolmentAddresses,
  })

  /** Give a hub a certificate and keep what it says of itself, within a turn of `exclusive`. */
  async function certify(record: RelayHubRecord, names: readonly string[], publicKeyPem: string) {
    requireHubNames(names)
    const now = clock.now()
    const identity = { kind: 'relay-hub', mesh: parts.authority.mesh, hub: record.id } as const
    // No host name, whatever it says of itself: programs that check nothing else would take it for the controller's hub.
    const order = { identity, publicKeyPem, validMs: HUB_VALID_MS }
    const { chainPem, expiresAtMs } = await parts.authority.issue(order, now)
    const key = keyFingerprint(publicKeyPem)
    const enrolled = { key, names: [...names], atMs: now, certificateExpiresAtMs: expiresAtMs }
    await relayHubs.put({ ...record, enrolled })
    if (record.enrolled?.names.join() !== names.join()) await changed(context, parts)
    return { chain: chainPem, expiresAtMs, timeMs: now }
  }

  /** It was started with other names. */
  async function rename(id: HubId, names: readonly string[]): Promise<void> {
    requireHubNames(names)
    await exclusive(async () => {
      const record = relayHubs.get(id)
      if (record?.enrolled === undefined) return
      await relayHubs.put({ ...record, enrolled: { ...record.enrolled, names: [...names] } })
      log.info('hub.renamed', { hub: id, names })
      await changed(context, parts)
    })
  }

  return {
    async enrollHub({ body, caller }) {
      attempts.check(caller.address, clock.now())
      try {
        refuseSkew('Cannot enrol hub', body.timeMs, clock.now())
        const { publicKeyPem } = await openSigningRequest(body.request)
        return await exclusive(async () => {
          const record = relayHubs.find(body.token, keyFingerprint(publicKeyPem))
          const certificate = await certify(record, body.names, publicKeyPem)
          log.info('hub.enrolled', { hub: record.id, names: body.names, address: caller.address })
          return { hub: record.id, ...certificate }
        })
      } catch (error) {
        attempts.failed(caller.address, clock.now())
        log.warn('hub-enrolment.refused', { address: caller.address, code: toMeshError(error).code })
        throw error
      }
    },
    renewHub: ({ body, caller }) =>
      exclusive(async () => {
        const record = requireHub(parts, caller.identity)
        const { publicKeyPem } = await openSigningRequest(body.request)
        if (keyFingerprint(publicKeyPem) !== record.enrolled?.key)
          throw new MeshError('denied', 'Cannot renew certificate of hub: the request is for another key')
        const certificate = await certify(record, body.names, publicKeyPem)
        log.info('hub-certificate.renewed', { hub: record.id })
        return certificate
      }),
    async reportHub({ body, caller }) {
      const record = requireHub(parts, caller.identity)
      const { id } = record
      if (record.enrolled?.names.join() !== body.names.join()) await rename(id, body.names)
      const { isFirst, opened, closed, names: _, ...status } = body
      relayHubs.reported(id, status)
      const refused = opened.flatMap(({ endpoint, user, issuedAtMs }) => {
        try {
          const { mesh } = parts.authority
          members.admit({ kind: 'endpoint', mesh, user, endpoint }, issuedAtMs)
          return []
        } catch (thrown) {
          return [{ endpoint, error: toMeshError(thrown).toBody() }]
        }
      })
      const out = new Set(refused.map(({ endpoint }) => endpoint))
      const linked = opened.map(({ endpoint }) => endpoint).filter(endpoint => !out.has(endpoint))
      relayHubs.linked(id, { isFirst, opened: linked, closed })
      return { refused }
    },
  }
}

/** @throws MeshError `not-found`; `conflict` where nothing could go anywhere else */
async function setDraining({ relayHubs, hub }: Parts, id: HubId, isDraining: boolean): Promise<void> {
  const record = relayHubs.get(id)
  if (id !== hub.id && record?.enrolled === undefined)
    throw new MeshError('not-found', 'Cannot drain hub: there is none of that id: list the hubs')
  const others = relayHubs.list().filter(one => one.id !== id && one.isOnline && !one.isDraining)
  const isOwnLeft = id !== hub.id && !relayHubs.own.isDraining
  if (isDraining && others.length === 0 && !isOwnLeft)
    throw new MeshError('conflict', 'Cannot drain hub: no other hub is there to take over')
  if (id === hub.id) relayHubs.own.isDraining = isDraining
  else if (record !== undefined) {
    const { isDraining: _, ...rest } = record
    await relayHubs.put({ ...rest, ...(isDraining && { isDraining }) })
  }
}

/** Tell of the hubs as they are now, within a turn of `exclusive`. */
async function changed(context: Context, { edge, hub, relayHubs }: Parts): Promise<void> {
  const known = relayHubs.known()
  context.emit({ change: 'hubs-changed', hubs: known, ...(relayHubs.own.isDraining && { isDraining: true }) })
  await keepEdgeRouters(edge.tables.edgeRouters, [hub, ...known], context)
}

/** The record of a hub that only relays. @throws MeshError `not-trusted` */
function requireHub({ authority, relayHubs }: Parts, identity: Identity | undefined): RelayHubRecord {
  const isHere = identity?.kind === 'relay-hub' && identity.mesh === authority.mesh
  const record = isHere ? relayHubs.get(identity.hub) : undefined
  if (record?.enrolled !== undefined) return record
  throw new MeshError(
    'not-trusted',
    'Cannot do this: only hubs of this mesh may, and this is none, or no more',
  )
}

/** How long a certificate of a hub that only relays is good; renewed at two thirds. */
const HUB_VALID_MS = 7 * 86_400_000
