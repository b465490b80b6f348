import type { Identity } from '../model/spiffe-id.ts'

/** Who calls the controller, as the hub's port proved it. */
export interface Caller {
  /** Undefined where no certificate was shown: then only `enroll` with a token is open. */
  readonly identity: Identity | undefined
  /** `host:port` the call comes from, for limits and logs. */
  readonly address: string
  /** When the certificate was made; undefined without one. */
  readonly issuedAtMs?: number
  /** The key whose use the connection proved; undefined without a certificate. */
  readonly publicKeyPem?: string
}
