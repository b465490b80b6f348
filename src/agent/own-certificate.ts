import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import type { Ms } from '../core/model/time.ts'
import { checkChain } from '../pki/check.ts'
import { type KeyPair, keyFingerprint } from '../pki/key-pair.ts'

/** For whom a certificate must be. */
export interface OwnCertificateCheck {
  readonly rootPem: string
  readonly now: Ms
  readonly endpoint: EndpointId
  readonly deviceKey: KeyPair
  /** Begins the message: `Cannot renew`. */
  readonly action: string
}

/**
 * Check a certificate that a hub gave us before it is kept: one of another endpoint or for another key would put this
 * endpoint out of the mesh for good.
 *
 * @throws MeshError `not-trusted`, `certificate-expired`
 */
export function checkOwnCertificate(chain: string, check: OwnCertificateCheck): void {
  const { rootPem, now, endpoint, deviceKey, action } = check
  const { identity, publicKeyPem } = checkChain(chain, { rootPem, now, expect: ['endpoint'] })
  if (identity.kind !== 'endpoint' || identity.endpoint !== endpoint) {
    throw new MeshError('not-trusted', `${action}: hub gave the certificate of another endpoint`)
  }
  if (keyFingerprint(publicKeyPem) !== keyFingerprint(deviceKey.publicKeyPem)) {
    throw new MeshError('not-trusted', `${action}: hub gave a certificate for another key`)
  }
}
