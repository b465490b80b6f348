import { type ErrorCode, MeshError, toMeshError } from '../core/model/errors.ts'

/**
 * What went wrong, as a program cares: the taxonomy of the SDK. `code` is finer, and says the same as everywhere in the
 * mesh.
 */
export type ZtmErrorReason =
  /** Credentials are missing, expired or were refused. */
  | 'auth-failed'
  /** The login has ended, and nothing could renew it. */
  | 'not-authenticated'
  /** The controller answered with an error that is none of the others. */
  | 'controller'
  /** No service of that name, or none that this identity may see. */
  | 'service-not-found'
  /** No policy allows it. */
  | 'denied'
  /** No hub can be reached. */
  | 'no-edge-routers'
  /** Nobody who hosts the service could be reached, or the target behind them said no. */
  | 'connection-failed'
  /** It was open, and ended. */
  | 'connection-closed'
  /** No money left for the service. */
  | 'insufficient-balance'
  /** Commerce could not be asked. */
  | 'billing'
  /** An option is missing or wrong; `field` says which. */
  | 'invalid-config'
  /** A certificate, key or clock is not good. */
  | 'identity'
  | 'timeout'
  /** This computer: a file, a port, a permission. */
  | 'io'
  /** Too much of something: try later. */
  | 'limit'
  /** The other side of a ZAP call said no. */
  | 'call'
  /** Bytes that are not of the protocol. */
  | 'protocol'
  | 'bug'

/** What more is known of an error. */
export interface ZtmErrorDetails {
  /** The service that was dialled or hosted. */
  readonly serviceName?: string
  /** HTTP status of the controller's answer. */
  readonly status?: number
  /** The controller's word for it: `COULD_NOT_VALIDATE`. */
  readonly controllerCode?: string
  /** What took too long. */
  readonly operation?: 'connect' | 'request' | 'receive'
  readonly timeoutMs?: number
  /** The option at fault. */
  readonly field?: string
}

/** What the SDK throws. Match on `reason`, or on `code` for more; never on the message. */
export class ZtmError extends MeshError {
  readonly reason: ZtmErrorReason
  readonly serviceName: string | undefined
  readonly status: number | undefined
  readonly controllerCode: string | undefined
  readonly operation: ZtmErrorDetails['operation']
  readonly timeoutMs: number | undefined
  readonly field: string | undefined

  constructor(
    reason: ZtmErrorReason,
    error: { readonly code: ErrorCode; readonly message: string; readonly cause?: unknown },
    details: ZtmErrorDetails = {},
  ) {
    super(error.code, error.message, error.cause === undefined ? {} : { cause: error.cause })
    this.name = 'ZtmError'
    this.reason = reason
    this.serviceName = details.serviceName
    this.status = details.status
    this.controllerCode = details.controllerCode
    this.operation = details.operation
    this.timeoutMs = details.timeoutMs
    this.field = details.field
  }
}

/** Any thrown value as a ZtmError, by the table of docs/sdk.md, "Errors". */
export function toZtmError(thrown: unknown, details: ZtmErrorDetails = {}): ZtmError {
  if (thrown instanceof ZtmError) return thrown
  const error = toMeshError(thrown)
  const reason = REASON_OF_CODE[error.code]
  // What could not be found by a name that was dialled is the service.
  const isService = reason === 'controller' && error.code === 'not-found' && details.serviceName !== undefined
  const shown = { code: error.code, message: error.message, cause: error.cause ?? error }
  return new ZtmError(isService ? 'service-not-found' : reason, shown, details)
}

/** The error of an option. @param wanted  what would be right */
export function invalidConfig(field: string, state: string, wanted: string): ZtmError {
  const message = `Cannot create context: ${field} ${state}: ${wanted}`
  return new ZtmError('invalid-config', { code: 'bad-input', message }, { field })
}

/** What each code means to a program. Closed: a code more does not compile until it has a row. */
export const REASON_OF_CODE = {
  'bad-usage': 'controller',
  'bad-input': 'controller',
  'bad-name': 'controller',
  'bad-permit': 'identity',
  'not-found': 'controller',
  ambiguous: 'controller',
  'not-joined': 'identity',
  denied: 'denied',
  'not-logged-in': 'not-authenticated',
  'wrong-origin': 'controller',
  'permit-used': 'identity',
  'permit-expired': 'identity',
  'permit-bound': 'identity',
  'insufficient-balance': 'insufficient-balance',
  'billing-failed': 'billing',
  unreachable: 'connection-failed',
  offline: 'connection-failed',
  'target-refused': 'connection-failed',
  'link-closed': 'connection-closed',
  'agent-down': 'connection-failed',
  conflict: 'controller',
  'name-taken': 'controller',
  'port-in-use': 'io',
  'already-running': 'io',
  'timed-out': 'timeout',
  'not-trusted': 'identity',
  'certificate-expired': 'identity',
  evicted: 'identity',
  'clock-skew': 'identity',
  'bad-ticket': 'identity',
  'too-large': 'limit',
  'too-many': 'limit',
  'too-slow': 'timeout',
  'bad-message': 'protocol',
  'call-failed': 'call',
  'storage-full': 'io',
  'storage-failed': 'io',
  'not-permitted': 'io',
  'system-failed': 'io',
  unsupported: 'io',
  bug: 'bug',
} as const satisfies Record<ErrorCode, ZtmErrorReason>
