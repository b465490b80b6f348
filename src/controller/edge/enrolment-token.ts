import { createPrivateKey } from 'node:crypto'
import { SignJWT } from 'jose'
import type { MeshId } from '../../core/model/ids.ts'
import type { HubTokenSigner } from '../../pki/hub-token.ts'
import { readPem } from '../../pki/pem.ts'

/** What a one-time token for a program is made of. */
export interface EnrolmentTokenOrder {
  readonly signer: HubTokenSigner
  readonly mesh: MeshId
  /** `host:port` where the controller is reached; the first is its name in the token. */
  readonly hosts: readonly string[]
  readonly identityId: string
  /** The one-time token: see `randomEnrolmentToken`. */
  readonly token: string
  readonly method: 'ott' | 'updb'
  /** Ms since the epoch. */
  readonly expiresAtMs: number
}

/**
 * Make the JWT that a person hands to a program: where its controller is, and the token that opens it once.
 *
 * It is signed with the hub's TLS key: whoever connects to `iss` can check it with the certificate found there. `mesh` is
 * the hash of the root's key, with which a client knows the certificates that it fetches.
 *
 * @see docs/protocol.md, "Logging in"
 */
export function sealEnrolmentToken(order: EnrolmentTokenOrder): Promise<string> {
  const { signer, mesh, hosts, identityId, token, method, expiresAtMs } = order
  return new SignJWT({ em: method, mesh, ctrls: hosts.map(host => `tls:${host}`) })
    .setProtectedHeader({
      alg: 'ES256',
      typ: 'JWT',
      x5c: readPem(signer.chainPem, 'CERTIFICATE').map(der => der.toString('base64')),
    })
    .setIssuer(`https://${hosts[0] ?? 'localhost'}`)
    .setSubject(identityId)
    .setAudience(mesh)
    .setExpirationTime(Math.floor(expiresAtMs / 1_000))
    .setJti(token)
    .sign(createPrivateKey(signer.privateKeyPem))
}

/** The one-time token in what a program shows: the whole JWT, or what is in its `jti`. */
export function oneTimeTokenOf(shown: string): string {
  const [, payload, signature] = shown.split('.')
  if (payload === undefined || signature === undefined) return shown
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    const { jti } = claims as { jti?: unknown }
    return typeof jti === 'string' ? jti : shown
  } catch {
    return shown
  }
}

/** 256 random bits. */
export function randomEnrolmentToken(random: (byteCount: number) => Uint8Array): string {
  return Buffer.from(random(32)).toString('base64url')
}
