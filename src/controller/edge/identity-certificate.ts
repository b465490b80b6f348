import { X509Certificate } from 'node:crypto'
import { EdgeError } from '../../core/edge/edge-error.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parseIdentityId } from '../../core/model/ids.ts'
import type { Authority } from '../../pki/authority.ts'
import { openSigningRequest } from '../../pki/signing-request.ts'

/** A certificate of an identity, as an authenticator keeps it. */
export interface IdentityCertificate {
  /** SHA-256 of the leaf, lower-case hex. */
  readonly fingerprint: string
  /** Leaf, then intermediate. */
  readonly certPem: string
  readonly expiresAtMs: number
}

/**
 * Make the certificate by which an identity logs in, for the key of a signing request. What the request says beside its
 * key, a name say, is not even read.
 *
 * @param csr  PKCS #10, PEM, as it came
 * @throws EdgeError MISSING_OR_INVALID_CSR for anything but a P-256 key with a good signature by it
 */
export async function certifyIdentity(
  authority: Authority,
  identityId: string,
  csr: unknown,
  now: number,
): Promise<IdentityCertificate> {
  const publicKeyPem = await readKey(csr)
  const identity = { kind: 'identity', mesh: authority.mesh, identity: parseIdentityId(identityId) } as const
  const order = { identity, publicKeyPem, validMs: IDENTITY_CERTIFICATE_VALID_MS }
  const { chainPem: certPem, expiresAtMs } = await authority.issue(order, now)
  return { certPem, expiresAtMs, fingerprint: certificateFingerprint(certPem) }
}

/** SHA-256 of the first certificate of a PEM text, lower-case hex. @throws where there is none */
export function certificateFingerprint(certPem: string): string {
  return new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase()
}

async function readKey(csr: unknown): Promise<string> {
  if (typeof csr !== 'string' || csr === '') {
    throw new EdgeError('MISSING_OR_INVALID_CSR', 'A signing request in PEM is wanted')
  }
  try {
    return (await openSigningRequest(csr)).publicKeyPem
  } catch (error) {
    if (!(error instanceof MeshError)) throw error
    throw new EdgeError('MISSING_OR_INVALID_CSR', error.message)
  }
}

/** How long an identity's certificate is good; it is extended by then, or enrolled again. */
export const IDENTITY_CERTIFICATE_VALID_MS = 90 * 86_400_000
