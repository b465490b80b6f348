import { createHash, timingSafeEqual } from 'node:crypto'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Name, UserName } from '../core/model/names.ts'
import type { Context } from './context.ts'
import { type InvitationRecord, invitationRecordShape } from './records.ts'
import { openTable } from './table.ts'

/** The invitations that were made, and what became of them. Their tokens are not kept, only hashes. */
export interface Invitations {
  values(): Iterable<InvitationRecord>
  get(id: string): InvitationRecord | undefined
  /** Make an invitation. @returns it and its token, which is shown this once */
  make(wish: InvitationWish): Promise<{ record: InvitationRecord; token: string }>
  /** The invitation of a token. @throws MeshError `bad-permit` if there is none */
  find(token: string): InvitationRecord
  put(record: InvitationRecord): Promise<void>
  /** The endpoint is removed: the call that made it must not make it again. */
  settle(endpoint: EndpointId): Promise<void>
}

/** What an invitation is to be. */
export interface InvitationWish {
  readonly user: UserName
  readonly by: UserName
  readonly labels: Name[]
  readonly boundTo: string | undefined
  readonly createdAtMs: number
  readonly expiresAtMs: number
}

/** Load the invitations. */
export async function openInvitations(
  context: Pick<Context, 'store' | 'log' | 'random' | 'limits'>,
): Promise<Invitations> {
  const { store, log, random, limits } = context
  const table = await openTable({
    store,
    log,
    prefix: 'invitation',
    shape: invitationRecordShape,
    idOf: record => record.id,
  })

  /** Closed invitations are history: the oldest make room. */
  async function prune(now: number): Promise<void> {
    if (table.size < limits.invitations) return
    const closed = [...table.values()]
      .filter(record => record.state.is !== 'open' || record.expiresAtMs <= now)
      .sort((a, b) => a.createdAtMs - b.createdAtMs)
    for (const record of closed.slice(0, table.size - limits.invitations + 1)) await table.delete(record.id)
  }

  return {
    values: () => table.values(),
    get: id => table.get(id),
    async make({ boundTo, ...wish }) {
      await prune(wish.createdAtMs)
      const id = Buffer.from(random(ID_BYTES)).toString('hex')
      const secret = Buffer.from(random(SECRET_BYTES)).toString('base64url')
      const record: InvitationRecord = {
        version: 1,
        id,
        ...wish,
        secretHash: hashOf(secret).toString('base64url'),
        ...(boundTo === undefined ? {} : { boundTo }),
        state: { is: 'open' },
      }
      await table.put(record)
      return { record, token: `${id}${secret}` }
    },
    find(token) {
      // The letters of a `ztm://` link only, so that it can be pasted anywhere: the halves are told by length.
      const secret = token.slice(ID_BYTES * 2)
      const record = table.get(token.slice(0, ID_BYTES * 2))
      // Hashes of equal length even where there is no such invitation, so that time tells nothing.
      const expected = Buffer.from(record?.secretHash ?? NO_HASH, 'base64url')
      if (timingSafeEqual(hashOf(secret), expected) && record !== undefined) return record
      throw new MeshError('bad-permit', 'Cannot enrol: token unknown in this mesh: ask for a new invitation')
    },
    put: record => table.put(record),
    async settle(endpoint) {
      for (const record of table.values()) {
        const { state } = record
        if (state.is !== 'used' || state.endpoint !== endpoint || state.isSettled) continue
        await table.put({ ...record, state: { ...state, isSettled: true } })
      }
    },
  }
}

/**
 * Whether an invitation may be used with this key.
 *
 * @returns `open`, or `repeated` where this key used it moments ago and its answer may have been lost
 * @throws MeshError `permit-used`, `permit-expired`, `permit-bound`, `denied` for one that was taken back
 */
export function judgeInvitation(record: InvitationRecord, key: string, now: number): 'open' | 'repeated' {
  const { state } = record
  if (state.is === 'used') {
    const isRepeated = state.key === key && !state.isSettled && now - state.atMs <= REPEAT_MS
    if (isRepeated) return 'repeated'
    throw new MeshError('permit-used', 'Cannot enrol: this invitation was used before: ask for a new one')
  }
  if (state.is === 'revoked') {
    throw new MeshError('denied', 'Cannot enrol: this invitation was taken back: ask for a new one')
  }
  if (now >= record.expiresAtMs) {
    const ended = new Date(record.expiresAtMs).toISOString()
    throw new MeshError('permit-expired', `Cannot enrol: this invitation ended ${ended}: ask for a new one`)
  }
  if (record.boundTo !== undefined && record.boundTo !== key) {
    throw new MeshError(
      'permit-bound',
      'Cannot enrol: this invitation is bound to the key of another computer: use it there, or ask for a new one',
    )
  }
  return 'open'
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

const NO_HASH = Buffer.alloc(32).toString('base64url')
// 64 bits name an invitation, 256 open it.
const ID_BYTES = 8
const SECRET_BYTES = 32
/** How long a device may repeat a call whose answer it did not get. */
const REPEAT_MS = 600_000
