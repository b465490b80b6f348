import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { UserName } from '../core/model/names.ts'
import type { Ms } from '../core/model/time.ts'
import { checkChain } from '../pki/check.ts'
import { type KeyPair, keyFingerprint } from '../pki/key-pair.ts'

/** For whom a certificate must be. */
export interface OwnCertificateCheck {
  readonly rootPem: string
  readonly now: Ms
  readonly endpoint: EndpointId
  readonly user: UserName
  readonly deviceKey: KeyPair
  /** Begins the message: `Cannot renew`. */
  readonly action: string
}

/**
 * Check a certificate that a hub gave us before it is kept: one of another endpoint or for another key would put this
 * endpoint out of the mesh for good, one of another user would let that user manage it.
 *
 * @returns the certificate's end, which what the hub says beside it need not be
 * @throws MeshError `not-trusted`, `certificate-expired`
 */
export function checkOwnCertificate(chain: string, check: OwnCertificateCheck): { expiresAtMs: number } {
  const { rootPem, now, endpoint, user, deviceKey, action } = check
  const { identity, publicKeyPem, expiresAtMs } = checkChain(chain, { rootPem, now, expect: ['endpoint'] })
  if (identity.kind !== 'endpoint' || identity.endpoint !== endpoint) {
    throw new MeshError('not-trusted', `${action}: hub gave the certificate of another endpoint`)
  }
  if (identity.user !== user) {
    throw new MeshError('not-trusted', `${action}: hub gave a certificate of another user`)
  }
  if (keyFingerprint(publicKeyPem) !== keyFingerprint(deviceKey.publicKeyPem)) {
    throw new MeshError('not-trusted', `${action}: hub gave a certificate for another key`)
  }
  return { expiresAtMs }
}
