import type { ErrorCode, MeshError } from '../model/errors.ts'

/** The words of the errors that the gateway answers with. */
export type PublicCode =
  | 'InvalidArgument'
  | 'Unauthenticated'
  | 'PermissionDenied'
  | 'NotFound'
  | 'DeadlineExceeded'
  | 'ResourceExhausted'
  | 'Internal'
  | 'Unavailable'

/** An error as the public sees it. */
export interface PublicError {
  readonly status: number
  readonly body: {
    readonly error: {
      readonly code: PublicCode
      readonly message: string
      readonly details: Record<string, string>
    }
  }
  /** Seconds, for `Retry-After`. */
  readonly retryAfter: number | undefined
}

/**
 * What the public may know of an error: of the mesh behind nothing but that it failed; of its own mistake what that
 * was.
 *
 * @param details  stand in the body
 * @see docs/gateway.md, "Errors"
 */
export function publicError(error: MeshError, details: Record<string, string> = {}): PublicError {
  const row = TABLE[error.code] ?? ([500, 'Internal', 'Something failed at the gateway'] as const)
  const [status, code, text] = row
  return {
    status,
    body: { error: { code, message: text ?? error.message, details } },
    retryAfter: status === 503 ? RETRY_SECONDS : undefined,
  }
}

/** Of the caller's own faults the message says itself which they are; of all others a sentence of ours. */
const TABLE: Partial<Record<ErrorCode, readonly [number, PublicCode, string?]>> = {
  'bad-message': [400, 'InvalidArgument'],
  'bad-input': [400, 'InvalidArgument'],
  'too-large': [413, 'InvalidArgument'],
  'too-slow': [408, 'DeadlineExceeded'],
  'too-many': [429, 'ResourceExhausted'],
  'not-logged-in': [401, 'Unauthenticated'],
  denied: [403, 'PermissionDenied'],
  'not-found': [404, 'NotFound'],
  offline: [503, 'Unavailable', 'The service is not there now'],
  'agent-down': [503, 'Unavailable', 'The gateway is not connected now'],
  'not-joined': [503, 'Unavailable', 'The gateway is not connected now'],
  unreachable: [502, 'Unavailable', 'The service cannot be reached'],
  'target-refused': [502, 'Unavailable', 'The service refused the connection'],
  'link-closed': [502, 'Unavailable', 'The service broke the connection'],
  'timed-out': [504, 'DeadlineExceeded', 'The service did not answer in time'],
  unsupported: [501, 'InvalidArgument'],
}

const RETRY_SECONDS = 5
