import { constants } from 'node:crypto'
import type { TlsOptions } from 'node:tls'

/** This side's certificate and whom it trusts, as PEM. */
export interface TlsIdentity {
  /** Leaf first, then the intermediate. */
  readonly chainPem: string
  readonly privateKeyPem: string
  /** The mesh's root. */
  readonly rootPem: string
}

/**
 * What every connection between our own parts uses: TLS 1.3 only, the post-quantum hybrid first, AES-128-GCM first.
 * No session tickets: a resumed session would skip the check of the peer's certificate.
 */
export const TLS_OPTIONS = {
  minVersion: 'TLSv1.3',
  maxVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
  ecdhCurve: 'X25519MLKEM768:X25519:P-256',
  honorCipherOrder: true,
  secureOptions: constants.SSL_OP_NO_TICKET,
  ALPNProtocols: ['h2'],
} as const satisfies TlsOptions & { ALPNProtocols: readonly string[] }

/** An identity as options for a TLS server or client. */
export function identityOptions(identity: TlsIdentity): { cert: string; key: string; ca: string } {
  return { cert: identity.chainPem, key: identity.privateKeyPem, ca: identity.rootPem }
}
