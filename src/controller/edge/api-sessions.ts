import { createHash } from 'node:crypto'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { toMeshError } from '../../core/model/errors.ts'
import type { Context } from '../context.ts'
import { randomUuid } from '../uuid.ts'
import type { ApiSessionRecord, IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { Login } from './logins.ts'

/** What a new API session is made of. */
export interface ApiSessionOrder {
  readonly login: Login
  readonly method: string
  readonly configTypes: readonly string[]
  /** `host:port` it comes from. */
  readonly address: string
}

/** The logins that are good now. */
export interface ApiSessions {
  /** @returns the session, and its token, which is nowhere else @throws EdgeError `SERVER_TOO_MANY_REQUESTS` */
  open(order: ApiSessionOrder, now: number): Promise<{ session: ApiSessionRecord; token: string }>
  /** The session of a token that is good; asking keeps it alive. */
  find(token: string, now: number): ApiSessionRecord | undefined
  /** The session of an id, if it is good; asking does not keep it alive. */
  get(id: string, now: number): ApiSessionRecord | undefined
  /** Its client did something. */
  touch(session: ApiSessionRecord, now: number): void
  lastActivityAtMs(session: ApiSessionRecord, now: number): number
  expiresAtMs(session: ApiSessionRecord, now: number): number
  /** Within a turn of `exclusive`. */
  end(session: ApiSessionRecord, reason: string): Promise<void>
  /** End what expired. */
  sweep(now: number): Promise<void>
}

interface Parts {
  readonly tables: Pick<EdgeTables, 'apiSessions' | 'identities'>
  /** Whether an endpoint of the mesh may log in, which is an identity by itself. */
  readonly isEndpoint?: (id: string) => boolean
  /** Whether it has a link to a hub: then it is at work, whatever it asks. */
  readonly isLinked: (id: string) => boolean
  /** It is over: what hung on it ends too. */
  readonly onEnd: (session: ApiSessionRecord, reason: string) => Promise<void>
}

/** Make the one place where logins live. */
export function createApiSessions(context: Context, parts: Parts): ApiSessions {
  const { log, random, exclusive } = context
  const { tables, isLinked, onEnd } = parts
  const { apiSessions } = tables
  // Told by requests, and written down from time to time.
  const activity = new Map<string, number>()

  const lastActivityAtMs = (session: ApiSessionRecord, now: number) =>
    isLinked(session.id) ? now : (activity.get(session.id) ?? session.lastActivityAtMs)
  const isOver = (session: ApiSessionRecord, now: number) =>
    lastActivityAtMs(session, now) + API_SESSION_TIMEOUT_MS <= now

  function isGood(session: ApiSessionRecord, now: number): boolean {
    const identity = tables.identities.get(session.identityId)
    const isKnown =
      identity === undefined ? parts.isEndpoint?.(session.identityId) === true : !isDisabled(identity, now)
    return isKnown && !isOver(session, now)
  }

  function touch(session: ApiSessionRecord, now: number): void {
    activity.set(session.id, now)
  }

  /** Write down what was told since, all at once: they share a transaction. Within a turn of `exclusive`. */
  async function saveActivity(): Promise<void> {
    const stale = [...activity].flatMap(([id, atMs]) => {
      const session = apiSessions.get(id)
      const isStale = session !== undefined && atMs - session.lastActivityAtMs >= ACTIVITY_FLUSH_MS
      return isStale ? [{ ...session, lastActivityAtMs: atMs }] : []
    })
    const results = await Promise.allSettled(stale.map(session => apiSessions.put(session)))
    const failed = results.find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') {
      log.warn('api-session.not-saved', { code: toMeshError(failed.reason).code, count: stale.length })
    }
  }

  async function end(session: ApiSessionRecord, reason: string): Promise<void> {
    if (apiSessions.get(session.id) === undefined) return
    await apiSessions.delete(session.id)
    activity.delete(session.id)
    log.info('api-session.ended', { session: session.id, identity: session.identityId, reason })
    await onEnd(session, reason)
  }

  return {
    open: (order, now) =>
      exclusive(async () => {
        const { identity } = order.login
        if (apiSessions.size >= MAX_API_SESSIONS || hasTooMany(apiSessions.by('identityId', identity.id))) {
          throw new EdgeError('SERVER_TOO_MANY_REQUESTS', 'Too many API sessions are open: end some first')
        }
        const token = Buffer.from(random(32)).toString('base64url')
        const session = makeSession({ ...order, id: randomUuid(random), token, now })
        await apiSessions.put(session)
        log.info('api-session.opened', {
          session: session.id,
          identity: identity.id,
          name: identity.name,
          method: order.method,
          address: order.address,
        })
        return { session, token }
      }),
    find(token, now) {
      const [session] = apiSessions.by('tokenHash', hashOf(token))
      if (session === undefined || !isGood(session, now)) return undefined
      touch(session, now)
      return session
    },
    get(id, now) {
      const session = apiSessions.get(id)
      return session !== undefined && isGood(session, now) ? session : undefined
    },
    touch,
    lastActivityAtMs,
    expiresAtMs: (session, now) => lastActivityAtMs(session, now) + API_SESSION_TIMEOUT_MS,
    end,
    sweep: now =>
      exclusive(async () => {
        for (const session of [...apiSessions.values()]) {
          // Written down too, so that after a restart it has time to come back.
          if (isLinked(session.id)) touch(session, now)
          if (!isGood(session, now))
            await end(session, isOver(session, now) ? 'expired' : 'identity disabled')
        }
        await saveActivity()
      }),
  }
}

/** Whether an identity may do nothing now. */
export function isDisabled({ disabled }: IdentityRecord, now: number): boolean {
  return disabled !== undefined && (disabled.untilMs === undefined || now < disabled.untilMs)
}

function makeSession(
  order: ApiSessionOrder & { readonly id: string; readonly token: string; readonly now: number },
): ApiSessionRecord {
  const { id, token, now, login, method, configTypes, address } = order
  const { identity, authenticatorId, signerId } = login
  return {
    version: 1,
    id,
    createdAtMs: now,
    updatedAtMs: now,
    tags: {},
    identityId: identity.id,
    tokenHash: hashOf(token),
    ...(authenticatorId !== undefined && { authenticatorId }),
    ...(signerId !== undefined && { signerId }),
    method,
    configTypes: [...configTypes],
    ipAddress: address.replace(/:\d+$/, '').slice(0, 64),
    lastActivityAtMs: now,
    certificates: [],
    endpointName: endpointNameOf(identity.name, id),
  }
}

/** What the session is called among the endpoints of the mesh: a name that any identity's can be made into. */
function endpointNameOf(name: string, id: string): string {
  const safe = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._@+ -]/gu, '-')
    .slice(0, 48)
    .trim()
  return `${safe === '' ? 'identity' : safe}-${id.slice(0, 4)}`
}

function hasTooMany(sessions: readonly unknown[]): boolean {
  return sessions.length >= MAX_API_SESSIONS_PER_IDENTITY
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

/** A session that nobody uses ends after this time. */
export const API_SESSION_TIMEOUT_MS = 1_800_000
/** How far what is stored of a session's activity may be behind. */
const ACTIVITY_FLUSH_MS = 90_000
/** API sessions at one time. */
export const MAX_API_SESSIONS = 50_000
/** API sessions of one identity at one time. */
export const MAX_API_SESSIONS_PER_IDENTITY = 1_000
