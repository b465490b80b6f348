import type { PathKind } from '../core/path/path-kind.ts'
import type { ZtmError } from './ztm-error.ts'

/** A service that this identity may dial or host. */
export interface ServiceEntry {
  readonly id: string
  /** As it is dialled: `web`, or `udp/dns`. */
  readonly name: string
  /** What this identity may do: `Dial`, `Bind`. */
  readonly permissions: readonly string[]
  readonly encryptionRequired: boolean
  /** Ids of its configs, and what they say by the name of their type: `intercept.v1`. */
  readonly configs: readonly string[]
  readonly config: Readonly<Record<string, unknown>>
}

/** What happens to a context, by name. */
export interface ContextEvents {
  authenticated: { readonly identityId: string; readonly identityName: string; readonly sessionId: string }
  'auth-failed': { readonly error: ZtmError }
  /** These three only while somebody listens for one of them. */
  'service-added': { readonly service: ServiceEntry }
  'service-removed': { readonly service: ServiceEntry }
  'service-changed': { readonly service: ServiceEntry }
  'link-up': { readonly hub: string }
  'link-down': { readonly error: ZtmError | undefined }
  'session-created': { readonly service: string; readonly sessionId: string }
  'session-closed': { readonly service: string; readonly sessionId: string }
  'billing-ok': { readonly service: string }
  'billing-failed': { readonly service: string; readonly error: ZtmError }
  /** New streams to a peer go by another way now. */
  'path-changed': { readonly endpoint: string; readonly path: PathKind }
}
