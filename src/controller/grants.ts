import type { Caller } from '../core/api/caller.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Name, UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import type { Endpoints } from './endpoints.ts'
import type { Evictions } from './evictions.ts'
import type { Invitations } from './invitations.ts'
import { evictedError, type Members } from './members.ts'
import type { EndpointRecord, InvitationRecord } from './records.ts'
import type { PermitIdentity, RootPermits } from './root-permit.ts'

/** What entitles a caller to a membership. */
export interface Grant {
  readonly user: UserName
  /** An eviction later than this refuses it. */
  readonly givenAtMs: number
  readonly labels: readonly Name[]
  /** Absent for the root permit, which may be used again and again. */
  readonly invitation?: InvitationRecord
  /** The root permit that was shown. */
  readonly permit?: PermitIdentity
}

/**
 * What a caller may enrol by: the token it gives, or else the permit that its certificate is.
 *
 * @throws MeshError `bad-permit` for an unknown token, `denied` without either or for a replaced permit
 */
export function findGrant(
  token: string | undefined,
  caller: Caller,
  parts: { invitations: Pick<Invitations, 'find'>; rootPermits: Pick<RootPermits, 'require'> },
): Grant {
  if (token !== undefined) {
    const invitation = parts.invitations.find(token)
    const { user, createdAtMs, labels } = invitation
    return { user, givenAtMs: createdAtMs, labels, invitation }
  }
  if (caller.identity?.kind !== 'permit') {
    throw new MeshError('denied', 'Cannot enrol: neither token nor permit given: join with a permit')
  }
  const { user, createdAtMs } = parts.rootPermits.require(caller.identity)
  return { user, givenAtMs: createdAtMs, labels: [], permit: caller.identity }
}

/**
 * The grant as it is now: while a call waited for its turn, another may have used its invitation or replaced its permit.
 *
 * @throws MeshError as `findGrant`, and `permit-used` for an invitation that is gone
 */
export function refreshGrant(
  grant: Grant,
  parts: { invitations: Pick<Invitations, 'get'>; rootPermits: Pick<RootPermits, 'require'> },
): Grant {
  if (grant.permit !== undefined) parts.rootPermits.require(grant.permit)
  if (grant.invitation === undefined) return grant
  const invitation = parts.invitations.get(grant.invitation.id)
  if (invitation !== undefined) return { ...grant, invitation }
  throw new MeshError('permit-used', 'Cannot enrol: this invitation is gone: ask for a new one')
}

/** The endpoint that a device becomes: one that is there, or a new one. */
export interface Place {
  /** Undefined for a new one. */
  readonly id: EndpointId | undefined
  /** Endpoints that must go first: they hold its key or its name. */
  readonly replaced: readonly EndpointRecord[]
}

/**
 * The endpoint that a device becomes. A key keeps its endpoint; it comes to another user only after an eviction.
 *
 * @throws MeshError `evicted`, `denied` for the key of another user's endpoint, `name-taken`
 */
export function findPlace(
  grant: Grant,
  wish: { name: Name; key: string; isReplacing: boolean },
  parts: { endpoints: Endpoints; evictions: Evictions; members: Members },
): Place {
  const { endpoints, evictions, members } = parts
  const known = endpoints.withKey(wish.key)
  const whoms = [
    { user: grant.user, key: wish.key },
    ...(known === undefined ? [] : [{ user: known.user, endpoint: known.id }]),
  ]
  for (const whom of whoms) {
    const eviction = evictions.against(whom, grant.givenAtMs)
    if (eviction === undefined) continue
    throw evictedError(eviction.endpoint === undefined ? `user ${eviction.user}` : "this computer's key")
  }
  const isSameUser = known?.user === grant.user
  if (known !== undefined && !isSameUser && !members.isEvicted(known)) {
    throw new MeshError(
      'denied',
      `Cannot enrol: this computer's key is that of endpoint ${quote(known.name)} of ${known.user}: remove that first`,
    )
  }
  const { state } = grant.invitation ?? {}
  const id = isSameUser ? known?.id : state?.is === 'used' ? state.endpoint : undefined
  const replaced = known === undefined || isSameUser ? [] : [known]
  const holder = endpoints.named(wish.name)
  if (holder === undefined || holder.id === id || replaced.includes(holder)) return { id, replaced }
  if (wish.isReplacing && holder.user === grant.user) return { id, replaced: [...replaced, holder] }
  const help = holder.user === grant.user ? 'choose another, or replace that endpoint' : 'choose another'
  throw new MeshError(
    'name-taken',
    `Cannot enrol as ${quote(wish.name)}: ${holder.user} has an endpoint of that name: ${help}`,
  )
}
