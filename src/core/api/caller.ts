import type { Identity } from '../model/spiffe-id.ts'

/** Who asks, as the link's TLS handshake proved it; what the hub hands to each handler of an API. */
export interface Caller {
  /** Absent where no certificate was shown: such a caller may only `enroll` with a token. */
  readonly identity: Identity | undefined
  /** Where the link comes from, as the hub sees it: `host:port`. */
  readonly address: string
  /** The public key of the certificate that was shown, PEM. */
  readonly publicKeyPem?: string
}
