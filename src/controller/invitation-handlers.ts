import type { Caller } from '../core/api/caller.ts'
import type { CONTROLLER_API } from '../core/api/hub-api.ts'
import type { Call, Handlers } from '../core/api/route.ts'
import type { Invitation } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { UserName } from '../core/model/names.ts'
import { quote } from '../core/model/quote.ts'
import { isIdentityUser } from '../core/model/spiffe-id.ts'
import { keyFingerprint } from '../pki/key-pair.ts'
import type { Context } from './context.ts'
import type { Decisions } from './decisions.ts'
import type { Evictions } from './evictions.ts'
import type { Invitations } from './invitations.ts'
import { type Members, ROOT_USER } from './members.ts'
import type { InvitationRecord } from './records.ts'
import { isUsable, type Users } from './users.ts'

type InvitationCalls = Pick<
  Handlers<typeof CONTROLLER_API, Caller>,
  'invite' | 'listInvitations' | 'revokeInvitation'
>

/** Serve invitations: administrators only. */
export function createInvitationHandlers(
  context: Context,
  parts: {
    invitations: Invitations
    evictions: Evictions
    members: Members
    decisions: Decisions
    users: Users
  },
): InvitationCalls {
  const { clock, log, limits, exclusive } = context
  const { invitations, evictions, members, decisions, users } = parts

  async function invite({ body }: Call<typeof CONTROLLER_API.invite, Caller>, by: UserName) {
    if (isIdentityUser(body.user)) {
      throw new MeshError(
        'bad-name',
        `Cannot invite ${quote(body.user)}: identities of the controller have such names: choose another`,
      )
    }
    // Else an administrator would make themselves root, whom nobody can put out.
    if (body.user === ROOT_USER && by !== ROOT_USER) {
      throw new MeshError('denied', 'Cannot invite root: only root may: invite another user')
    }
    const similar = users.similarTo(body.user)
    if (similar !== undefined && similar !== body.user) {
      throw new MeshError(
        'bad-input',
        `Cannot invite ${quote(body.user)}: it differs from user ${quote(similar)} only in case: choose another name`,
      )
    }
    const boundTo = body.identity === undefined ? undefined : keyFingerprint(body.identity)
    const now = clock.now()
    const openCount = [...invitations.values()].filter(record => isUsable(record, evictions, now)).length
    if (openCount >= limits.openInvitations) {
      throw new MeshError('too-many', `Cannot invite: ${openCount} invitations are open: take some back`)
    }
    // Evictions reach to the end of their second, or further where the clock was set back since: an invitation made
    // after them must not count as older.
    const createdAtMs = Math.max(now, evictions.allGoodFromMs())
    const made = await invitations.make({
      user: body.user,
      by,
      labels: body.labels,
      boundTo,
      createdAtMs,
      expiresAtMs: now + body.validMs,
    })
    log.info('invitation.made', {
      invitation: made.record.id,
      user: body.user,
      by,
      isBound: boundTo !== undefined,
    })
    return { invitation: describe(made.record), token: made.token }
  }

  const describe = (record: InvitationRecord) => describeInvitation(record, evictions, clock.now())

  return {
    invite: call =>
      exclusive(async () => {
        const record = members.require(call.caller)
        decisions.requireAdminister(record, `invite ${call.body.user}`)
        return invite(call, record.user)
      }),
    async listInvitations({ caller }) {
      decisions.requireAdminister(members.require(caller), 'list invitations')
      const records = [...invitations.values()].sort((a, b) => b.createdAtMs - a.createdAtMs)
      return { invitations: records.map(describe) }
    },
    revokeInvitation: ({ params, caller }) =>
      exclusive(async () => {
        const { user: by, ...rest } = members.require(caller)
        decisions.requireAdminister({ user: by, ...rest }, 'take back an invitation')
        const record = invitations.get(params.invitation)
        if (record?.state.is !== 'open') {
          const state = record === undefined ? 'there is none of that id' : `it is ${record.state.is}`
          throw new MeshError('not-found', `Cannot take back invitation: ${state}: list the invitations`)
        }
        await invitations.put({ ...record, state: { is: 'revoked', by, atMs: clock.now() } })
        log.info('invitation.revoked', { invitation: record.id, user: record.user, by })
        return undefined
      }),
  }
}

/** An invitation as administrators see it. */
export function describeInvitation(
  record: InvitationRecord,
  evictions: Pick<Evictions, 'against'>,
  now: number,
): Invitation {
  const { id, user, by, createdAtMs, expiresAtMs, state, labels, boundTo } = record
  const closed = now >= expiresAtMs ? ('expired' as const) : ('revoked' as const)
  const shown = state.is === 'open' && !isUsable(record, evictions, now) ? closed : state.is
  return {
    id,
    user,
    by,
    createdAtMs,
    expiresAtMs,
    state: shown,
    isBound: boundTo !== undefined,
    labels,
    ...(state.is === 'used' && { usedBy: state.endpoint }),
  }
}
