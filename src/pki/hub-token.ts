import { createPrivateKey, createPublicKey, verify } from 'node:crypto'
import { SignJWT } from 'jose'
import { z } from 'zod'
import { MeshError } from '../core/model/errors.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import type { Ms } from '../core/model/time.ts'
import { checkChain } from './check.ts'
import { formatPem, readPem } from './pem.ts'

/** The hub that vouches for a token. */
export interface HubTokenSigner {
  /** Leaf first, then the intermediate. */
  readonly chainPem: string
  readonly privateKeyPem: string
}

/**
 * Make a token that anybody can check who has the mesh's root: a JWS signed by a hub with its chain in the header.
 *
 * @param type  its `typ`, so that no token passes for one of another kind
 * @see docs/decisions/0008-session-tickets.md
 */
export function sealHubToken(
  { chainPem, privateKeyPem }: HubTokenSigner,
  type: string,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const x5c = readPem(chainPem, CERTIFICATE).map(der => der.toString('base64'))
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: type, x5c })
    .sign(createPrivateKey(privateKeyPem))
}

/** How a token is opened. */
export interface HubTokenCheck<S extends z.ZodType> {
  /** Root certificate of the mesh. */
  readonly rootPem: string
  readonly now: Ms
  readonly type: string
  readonly shape: S
  /** The error of a token that is no good. */
  readonly bad: (why: string, cause?: unknown) => MeshError
}

/**
 * Check that a token of that type was signed by a hub of this mesh that has a controller: one that only relays vouches for
 * nothing. What it says is for the caller to judge, its times included.
 *
 * Read by hand, as the whole of what JOSE can express is more than may decide here: one algorithm, three header
 * members, one chain.
 *
 * @throws MeshError that of `bad`
 * @see RFC 7515, section 5.2; RFC 8725
 */
export function openHubToken<S extends z.ZodType>(
  token: string,
  { rootPem, now, type, shape, bad }: HubTokenCheck<S>,
): { claims: z.output<S>; hub: Identity } {
  if (token.length > MAX_HUB_TOKEN_CHARACTERS) throw bad('it is too long')
  const [, header64 = '', payload64 = '', signature64 = ''] = COMPACT.exec(token) ?? []
  const { x5c, typ } = read(headerShape, header64, () => bad('its header cannot be read'))
  if (typ !== type) throw bad('its header cannot be read')
  const hub = checkHub(x5c, { rootPem, now, bad })
  const signature = Buffer.from(signature64, 'base64url')
  const signed = Buffer.from(`${header64}.${payload64}`, 'ascii')
  const key = { key: createPublicKey(hub.publicKeyPem), dsaEncoding: 'ieee-p1363' } as const
  // 64 bytes in one spelling: no second token that is as good as the first.
  const isWhole = signature.length === 64 && signature.toString('base64url') === signature64
  if (!isWhole || !verify('sha256', signed, key, signature)) throw bad('its signature is wrong')
  return { claims: read(shape, payload64, () => bad('what it says cannot be read')), hub: hub.identity }
}

function checkHub(
  x5c: readonly string[],
  { rootPem, now, bad }: Pick<HubTokenCheck<z.ZodType>, 'rootPem' | 'now' | 'bad'>,
) {
  try {
    const chainPem = x5c.map(der => formatPem(Buffer.from(der, 'base64'), CERTIFICATE)).join('')
    return checkChain(chainPem, { rootPem, now, expect: ['hub'] })
  } catch (cause) {
    if (!(cause instanceof MeshError)) throw cause
    throw bad('it was not made by a hub of this mesh', cause)
  }
}

/** A part of the token: JSON of this shape. */
function read<S extends z.ZodType>(shape: S, base64: string, unreadable: () => MeshError): z.output<S> {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(base64, 'base64url').toString('utf8'))
  } catch {
    throw unreadable()
  }
  const result = shape.safeParse(value)
  if (!result.success) throw unreadable()
  return result.data
}

/** The longest token that is looked at; ours have about 3,000 characters, and those of what they name. */
export const MAX_HUB_TOKEN_CHARACTERS = 8_192

const CERTIFICATE = 'CERTIFICATE'
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$/

// Strict: a header member that we do not know (`crit`, `jwk`, `jku`, `kid`) is none that we could honour.
// `crit` is how a newer hub says that a token is not for who does not understand all of it.
const headerShape = z.strictObject({
  alg: z.literal('ES256'),
  typ: z.string(),
  x5c: z.array(z.base64().min(1)).length(2),
})
