import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Call, Handlers } from '../core/api/route.ts'
import { refuseSkew } from '../core/model/clock-skew.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import { type EndpointId, parseEndpointId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import type { Authority } from '../pki/authority.ts'
import { keyFingerprint } from '../pki/key-pair.ts'
import { openSigningRequest } from '../pki/signing-request.ts'
import { createAttempts } from './attempts.ts'
import type { Context } from './context.ts'
import type { EndpointRemoval } from './endpoint-removal.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import { findGrant, findPlace, type Grant, refreshGrant } from './grants.ts'
import { type Invitations, judgeInvitation } from './invitations.ts'
import { joinLabels } from './labels.ts'
import type { Members } from './members.ts'
import type { EndpointRecord } from './records.ts'
import type { RelayHubs } from './relay-hubs.ts'
import type { RootPermits } from './root-permit.ts'
import type { Standing } from './standing.ts'
import type { StandingChanges } from './standing-changes.ts'
import { randomUuid } from './uuid.ts'

type EnrolBody = Call<typeof CONTROLLER_API.enroll, Caller>['body']

interface Parts {
  readonly authority: Authority
  readonly endpoints: Endpoints
  readonly evictions: Evictions
  readonly invitations: Invitations
  readonly members: Members
  readonly standing: Pick<Standing, 'isAdmin'>
  readonly changes: Pick<StandingChanges, 'regroup'>
  readonly rootPermits: RootPermits
  readonly removal: EndpointRemoval
  readonly relayHubs: Pick<RelayHubs, 'known'>
  readonly hub: { readonly names: readonly string[] }
  readonly endpointValidMs: number
  /** Another certificate for an API session, for the same key. */
  readonly renewSession: (
    member: EndpointRecord,
    publicKeyPem: string,
  ) => Promise<{ readonly chainPem: string; readonly expiresAtMs: number }>
}

/** Serve `enroll`, `renew` and `renewLate`. */
export function createEnrolment(
  context: Context,
  parts: Parts,
): Pick<Handlers<typeof CONTROLLER_API, Caller>, 'enroll' | 'renew' | 'renewLate'> {
  const { clock, log, limits, exclusive } = context
  const { endpoints, members, rootPermits } = parts
  const attempts = createAttempts({
    maxFailures: limits.enrolmentFailuresPerMinute,
    maxAddresses: limits.enrolmentAddresses,
  })

  async function enroll(body: EnrolBody, caller: Caller) {
    const grant = findGrant(body.token, caller, parts)
    const { publicKeyPem } = await openSigningRequest(body.request)
    const key = keyFingerprint(publicKeyPem)
    if (rootPermits.isKey(key)) {
      throw new MeshError('denied', "Cannot enrol: the permit's key is no endpoint's: make a key of your own")
    }
    return exclusive(() => admit(context, parts, { body, grant, key, publicKeyPem }))
  }

  return {
    async enroll({ body, caller }) {
      const { address } = caller
      attempts.check(address, clock.now())
      try {
        refuseSkew('Cannot enrol', body.timeMs, clock.now())
        const { chainPem, ...answer } = await enroll(body, caller)
        const hubs = [...parts.relayHubs.known()]
        return { ...answer, chain: chainPem, timeMs: clock.now(), controllers: [...parts.hub.names], hubs }
      } catch (error) {
        const { code } = toMeshError(error)
        if (COUNTED.has(code)) attempts.failed(address, clock.now())
        log.warn('enrolment.refused', { address, name: body.name, code })
        throw error
      }
    },
    async renewLate({ body, caller }) {
      attempts.check(caller.address, clock.now())
      try {
        // Whoever shows a request that is not his gets a certificate for a key that he has not.
        const { publicKeyPem } = await openSigningRequest(body.request)
        return await exclusive(() => renewLate(context, parts, publicKeyPem))
      } catch (error) {
        attempts.failed(caller.address, clock.now())
        log.warn('renewal.refused', { address: caller.address, code: toMeshError(error).code })
        throw error
      }
    },
    renew: ({ body, caller }) =>
      exclusive(async () => {
        const record = members.require(caller)
        const { publicKeyPem } = await openSigningRequest(body.request)
        if (keyFingerprint(publicKeyPem) !== record.key) {
          log.warn('renewal.refused', { endpoint: record.id, user: record.user, address: caller.address })
          throw new MeshError(
            'denied',
            `Cannot renew certificate of ${quote(record.name)}: the request is for another key: join again`,
          )
        }
        if (isIdentityUser(record.user)) {
          const renewed = await parts.renewSession(record, publicKeyPem)
          return { chain: renewed.chainPem, expiresAtMs: renewed.expiresAtMs, timeMs: clock.now() }
        }
        const { chainPem, ...certificate } = await issue(context, parts, { ...record, publicKeyPem })
        await endpoints.put({ ...record, certificate })
        log.info('certificate.renewed', {
          endpoint: record.id,
          user: record.user,
          serial: certificate.serial,
        })
        return { chain: chainPem, expiresAtMs: certificate.expiresAtMs, timeMs: clock.now() }
      }),
  }
}

/** Give the endpoint of a key a new certificate in place of one that has ended, within a turn of `exclusive`. */
async function renewLate(context: Context, parts: Parts, publicKeyPem: string) {
  const { clock, log } = context
  const { endpoints, members, authority } = parts
  const record = endpoints.withKey(keyFingerprint(publicKeyPem))
  if (record === undefined) {
    throw new MeshError(
      'not-trusted',
      'Cannot renew certificate: no endpoint of this mesh has that key: join again',
    )
  }
  const { issuedAtMs, expiresAtMs } = record.certificate
  members.admit(
    { kind: 'endpoint', mesh: authority.mesh, user: record.user, endpoint: record.id },
    issuedAtMs,
  )
  if (expiresAtMs + LATE_RENEWAL_MS < clock.now()) {
    throw new MeshError(
      'certificate-expired',
      `Cannot renew certificate of ${quote(record.name)}: it ended ${new Date(expiresAtMs).toISOString()}: join again`,
    )
  }
  const { chainPem, ...certificate } = await issue(context, parts, { ...record, publicKeyPem })
  await endpoints.put({ ...record, certificate })
  log.info('certificate.renewed', {
    endpoint: record.id,
    user: record.user,
    serial: certificate.serial,
    isLate: true,
  })
  return { chain: chainPem, expiresAtMs: certificate.expiresAtMs, timeMs: clock.now() }
}

/** How long after its certificate an endpoint may come back by its key alone. */
const LATE_RENEWAL_MS = 90 * 86_400_000

/** Make a device a member, within a turn of `exclusive`. */
async function admit(
  context: Context,
  parts: Parts,
  request: { body: EnrolBody; grant: Grant; key: string; publicKeyPem: string },
) {
  const { clock, log, limits } = context
  const { endpoints, invitations, removal, changes } = parts
  const { body, key, publicKeyPem } = request
  const now = clock.now()
  const grant = refreshGrant(request.grant, parts)
  const use = grant.invitation && judgeInvitation(grant.invitation, key, now)
  const { name, isReplacing } = body
  const place = findPlace(grant, { name, key, isReplacing }, parts)
  const previous = place.id && endpoints.get(place.id)
  if (previous === undefined && endpoints.size - place.replaced.length >= limits.endpoints) {
    throw new MeshError('too-many', `Cannot enrol: the mesh has ${limits.endpoints} endpoints: remove some`)
  }
  const id = place.id ?? parseEndpointId(randomUuid(context.random))
  const { user } = grant
  const { chainPem, ...certificate } = await issue(context, parts, { user, id, key, publicKeyPem })

  // The invitation first: what fails after it can be repeated with the same key, and no second key gets in.
  if (grant.invitation !== undefined && use === 'open') {
    const state = { is: 'used', endpoint: id, key, atMs: now, isSettled: false } as const
    await invitations.put({ ...grant.invitation, state })
  }
  for (const record of place.replaced) await removal.remove(record, user)
  const isAdmin = parts.standing.isAdmin(user)
  const given = [...(previous?.givenLabels ?? []), ...grant.labels, ...(isAdmin ? body.labels : [])]
  const isSilent = previous !== undefined && grant.labels.length + body.labels.length === 0
  const labels = joinLabels(given, isSilent ? previous.labels : body.labels)
  const record: EndpointRecord = {
    version: 1,
    id,
    name,
    user,
    key,
    ...labels,
    software: body.version,
    createdAtMs: previous?.createdAtMs ?? now,
    enrolledAtMs: certificate.issuedAtMs,
    certificate,
  }
  // One that comes again may have other labels now, and be in other groups by them.
  await changes.regroup([id], () => endpoints.put(record))
  if (previous !== undefined && previous.name !== name) {
    log.info('endpoint.renamed', { endpoint: id, user, from: previous.name, to: name })
  }
  log.info('endpoint.enrolled', {
    endpoint: id,
    user,
    name,
    invitation: grant.invitation?.id,
    serial: certificate.serial,
    isKnown: previous !== undefined,
  })
  return { endpoint: id, user, name, chainPem, expiresAtMs: certificate.expiresAtMs }
}

/** Issue a certificate; not before an eviction that is over for this endpoint, which would refuse it. */
async function issue(
  { clock }: Context,
  { authority, evictions, endpointValidMs: validMs }: Parts,
  holder: { user: UserName; id: EndpointId; key: string; publicKeyPem: string },
) {
  const { user, id, key, publicKeyPem } = holder
  const issuedAtMs = Math.max(clock.now(), evictions.goodFromMs({ user, endpoint: id, key }))
  const identity = { kind: 'endpoint', mesh: authority.mesh, user, endpoint: id } as const
  const issued = await authority.issue({ identity, publicKeyPem, validMs }, issuedAtMs)
  const { chainPem, serial, expiresAtMs } = issued
  return { chainPem, serial, expiresAtMs, issuedAtMs }
}

/** Refusals that need no right to be met: whoever tries out tokens, or fills the log. */
const COUNTED: ReadonlySet<string> = new Set([
  'bad-input',
  'too-large',
  'clock-skew',
  'bad-permit',
  'denied',
  'evicted',
  'permit-used',
  'permit-expired',
  'permit-bound',
])
