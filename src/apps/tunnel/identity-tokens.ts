import {
  createHash,
  createHmac,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { z } from 'zod'
import { MeshError } from '../../core/model/errors.ts'
import type { Name, ServiceName } from '../../core/model/names.ts'
import { type EndpointIdentity, formatSpiffeId } from '../../core/model/spiffe-id.ts'
import type { Json } from '../../core/model/store.ts'
import type { Host } from '../../sdk/app.ts'
import type { IdentityKeys } from './http-messages.ts'

/** Who asks a target, as the mesh proved it. */
export interface HttpCaller {
  readonly from: EndpointIdentity
  /** Groups that the user is in. */
  readonly groups: readonly Name[]
}

/**
 * Says to targets who asks them: a JSON Web Token, signed with ES256 by a key of this endpoint that never leaves it.
 *
 * Its claims: `iss` (this endpoint), `aud`, `sub` (SPIFFE ID of the caller's endpoint), `user`, `endpoint`, `groups`, `mesh`, `service`,
 * `iat`, `exp` (a minute after). The same caller gets the same token for half a minute.
 *
 * @see RFC 7519, RFC 7518 section 3.4; docs/services.md, "Who asks"
 */
export interface IdentityTokens {
  readonly issuer: string
  /** Make keys, if there are none; without any nothing else can be asked for. @throws MeshError `storage-full` */
  prepare(): Promise<void>
  /** Public keys, the present one first. */
  jwks(): IdentityKeys['jwks']
  /** A token about a caller. */
  tokenFor(caller: HttpCaller, about: { readonly service: ServiceName; readonly audience: string }): string
  /** What stands for a text in cookies: nobody else can make it, and it stays the same over restarts. */
  mark(text: string): string
  /** Sign with a new key from now on. */
  rotate(): Promise<void>
}

const keyShape = z.strictObject({
  /** PKCS #8, base64url. */
  privateKey: z.string(),
  madeAtMs: z.number(),
})
const recordShape = z.strictObject({
  version: z.literal(1),
  keys: z.array(keyShape).min(1).max(2),
  /** Of marks, base64url. */
  markKey: z.string(),
})
type KeysRecord = z.output<typeof recordShape>

interface SigningKey {
  readonly id: string
  readonly madeAtMs: number
  readonly privateKey: KeyObject
  readonly jwk: Record<string, string>
}

/** Read the keys that are kept. */
export async function openIdentityTokens(host: Host): Promise<IdentityTokens> {
  const kept = recordShape.safeParse(await host.storage.get(KEY))
  let record: KeysRecord | undefined = kept.success ? kept.data : undefined
  let keys = record?.keys.map(readKey) ?? []
  let saving: Promise<void> | undefined
  const made = new Map<string, { readonly token: string; readonly untilMs: number }>()
  const issuer = `ztm:endpoint:${host.endpoint.id}`

  async function use(next: KeysRecord): Promise<void> {
    await host.storage.put(KEY, JSON.parse(JSON.stringify(next)) as Json)
    record = next
    keys = next.keys.map(readKey)
    made.clear()
  }

  function makeKeys(): Promise<void> {
    return use({ version: 1, keys: [makeKey(host)], markKey: randomBytes(32).toString('base64url') })
  }

  function present(): SigningKey[] {
    const [first, ...old] = keys
    const oldestMs = host.clock.now() - OLD_KEY_MS
    return first === undefined ? [] : [first, ...old.filter(() => first.madeAtMs > oldestMs)]
  }

  function make(
    caller: HttpCaller,
    { service, audience }: { service: ServiceName; audience: string },
  ): string {
    const [key] = keys
    if (key === undefined) throw new MeshError('bug', 'Cannot sign an identity: there is no key')
    const { from, groups } = caller
    const now = Math.floor(host.clock.now() / 1_000)
    const claims = {
      iss: issuer,
      aud: audience,
      sub: formatSpiffeId(from),
      user: from.user,
      endpoint: from.endpoint,
      groups,
      mesh: from.mesh,
      service,
      iat: now,
      exp: now + TOKEN_SECONDS,
    }
    const text = `${encode({ alg: 'ES256', typ: 'JWT', kid: key.id })}.${encode(claims)}`
    const signature = sign('sha256', Buffer.from(text), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
    return `${text}.${signature.toString('base64url')}`
  }

  return {
    issuer,
    async prepare() {
      if (record !== undefined) return
      saving ??= makeKeys().finally(() => {
        saving = undefined
      })
      await saving
    },
    jwks: () => ({ keys: present().map(({ jwk }) => jwk) }),
    tokenFor(caller, about) {
      const { from, groups } = caller
      const key = JSON.stringify([from.mesh, from.user, from.endpoint, groups, about.service, about.audience])
      const now = host.clock.now()
      const known = made.get(key)
      // Of a clock that was set back a token would be good for too long.
      if (known !== undefined && known.untilMs > now && known.untilMs <= now + REUSE_MS) return known.token
      const token = make(caller, about)
      made.delete(key)
      made.set(key, { token, untilMs: now + REUSE_MS })
      const [oldest] = made.keys()
      if (made.size > MAX_KEPT_TOKENS && oldest !== undefined) made.delete(oldest)
      return token
    },
    mark(text) {
      const key = Buffer.from(record?.markKey ?? '', 'base64url')
      if (key.length === 0) throw new MeshError('bug', 'Cannot mark a cookie: there is no key')
      return createHmac('sha256', key).update(text).digest().subarray(0, 18).toString('base64url')
    },
    async rotate() {
      if (record === undefined) await makeKeys()
      else await use({ ...record, keys: [makeKey(host), ...record.keys.slice(0, 1)] })
    },
  }
}

function makeKey(host: Host): z.output<typeof keyShape> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const text = privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64url')
  return { privateKey: text, madeAtMs: host.clock.now() }
}

function readKey({ privateKey: text, madeAtMs }: z.output<typeof keyShape>): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.from(text, 'base64url'), type: 'pkcs8', format: 'der' })
  const { kty = '', crv = '', x = '', y = '' } = privateKey.export({ format: 'jwk' })
  // RFC 7638: these members, in this order.
  const id = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
  return { id, madeAtMs, privateKey, jwk: { kty, crv, x, y, kid: id, alg: 'ES256', use: 'sig' } }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** The header of requests to targets that holds the token. */
export const IDENTITY_HEADER = 'ztm-identity'
const KEY = 'identity-keys'
const TOKEN_SECONDS = 60
const REUSE_MS = 30_000
/** The key before the present one is told for an hour. */
const OLD_KEY_MS = 3_600_000
const MAX_KEPT_TOKENS = 1_000
