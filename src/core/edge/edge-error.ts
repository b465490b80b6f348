/**
 * The codes of errors of the Edge APIs, each with its HTTP status: those of OpenZiti that we serve, so that its
 * clients understand them. All other wires of the mesh speak the codes of `core/model/errors.ts`.
 *
 * `NOT_ACCEPTABLE` and `INSUFFICIENT_BALANCE` are ours.
 */
export const EDGE_ERRORS = {
  COULD_NOT_VALIDATE: 400,
  INVALID_FIELD: 400,
  COULD_NOT_PARSE_BODY: 400,
  INVALID_CONTENT_TYPE: 400,
  INVALID_UUID: 400,
  INVALID_AUTH_METHOD: 400,
  INVALID_ENROLLMENT_TOKEN: 400,
  ENROLLMENT_EXPIRED: 400,
  INVALID_ENROLL_METHOD: 400,
  MISSING_OR_INVALID_CSR: 400,
  COULD_NOT_PROCESS_CSR: 400,
  ENROLLMENT_CA_NOT_VALID: 400,
  ENROLLMENT_NO_VALID_CAS: 400,
  NO_EDGE_ROUTERS_AVAILABLE: 400,
  CERT_FAILED_VALIDATION: 400,
  INVALID_CLIENT_CERT: 400,
  INVALID_CERT_PEM: 400,
  MFA_INVALID_TOKEN: 400,
  MISSING_CERT_CLAIM: 400,
  REFERENCED_ENTITY_NOT_FOUND: 400,
  INVALID_FILTER: 400,
  INVALID_SORT_IDENTIFIER: 400,
  INVALID_PAGINATION: 400,
  ENTITY_CAN_NOT_BE_DELETED: 400,
  ENTITY_CAN_NOT_BE_UPDATED: 400,
  SERVER_NOT_RUNNING_IN_HA_MODE: 400,
  UNAUTHORIZED: 401,
  INVALID_AUTH: 401,
  INSUFFICIENT_BALANCE: 402,
  NOT_FOUND: 404,
  MFA_ENROLLMENT_NOT_STARTED: 404,
  METHOD_NOT_ALLOWED: 405,
  NOT_ACCEPTABLE: 406,
  INVALID_POSTURE: 409,
  CERT_IN_USE: 409,
  MFA_EXISTS: 409,
  MFA_NOT_ENROLLED: 409,
  ENROLLMENT_EXISTS: 409,
  INVALID_ENROLLMENT_NOT_ALLOWED: 409,
  ENROLLMENT_IDENTITY_ALREADY_ENROLLED: 409,
  CAN_NOT_UPDATE_AUTHENTICATOR: 409,
  CAN_NOT_DELETE_REFERENCED_ENTITY: 409,
  CA_ALREADY_VERIFIED: 409,
  MAX_AUTHENTICATOR_METHODS_REACHED: 409,
  INVALID_ENROLLMENT_ALREADY_ENROLLED: 410,
  REQUEST_ENTITY_TOO_LARGE: 413,
  RATE_LIMITED: 429,
  SERVER_TOO_MANY_REQUESTS: 429,
  UNHANDLED: 500,
  COULD_NOT_READ_BODY: 500,
  TIMEOUT: 503,
  CLUSTER_NO_LEADER: 503,
} as const satisfies Record<string, number>

/** One of the codes of `EDGE_ERRORS`. */
export type EdgeErrorCode = keyof typeof EDGE_ERRORS

/** What was wrong in a request: a field of it, or an error beneath the one that is told. */
export type EdgeCause =
  | { readonly field: string; readonly reason: string; readonly value?: unknown }
  | { readonly code: string; readonly message: string; readonly data?: unknown }

/**
 * What an Edge API answers instead of data.
 *
 * The message may be shown to whoever asked, so it holds no secret and nothing of others. A field at fault is the
 * `cause`; so is an error beneath. `data` goes into the answer as it is (for example what posture is lacking).
 *
 * @see `EDGE_ERRORS` for the status of each code
 */
export class EdgeError extends Error {
  readonly code: EdgeErrorCode
  /** HTTP status of the answer. */
  readonly status: number
  override readonly cause: EdgeCause | undefined
  readonly data: unknown
  /** Headers of the answer: `www-authenticate`, `retry-after`, `allow`. */
  readonly headers: Readonly<Record<string, string>>

  /** @param details  `cause` as it is told, or for short the `field` that `message` is about, and its `value` */
  constructor(
    code: EdgeErrorCode,
    message: string,
    details: {
      readonly field?: string
      readonly value?: unknown
      readonly cause?: EdgeCause
      readonly data?: unknown
      readonly headers?: Readonly<Record<string, string>>
    } = {},
  ) {
    super(message)
    this.name = 'EdgeError'
    this.code = code
    this.status = EDGE_ERRORS[code]
    const { field, value } = details
    this.cause = details.cause ?? (field === undefined ? undefined : { field, reason: message, value })
    this.data = details.data
    this.headers = details.headers ?? {}
  }
}

/**
 * The error for one field of a request that cannot be: code COULD_NOT_VALIDATE, whatever the field.
 *
 * @param value  what was given, shown back cut to 200 characters: never a password
 */
export function fieldError(field: string, reason: string, value?: unknown): EdgeError {
  const shown = typeof value === 'string' ? value.slice(0, 200) : (value ?? null)
  const message = 'The supplied request contains an invalid document'
  return new EdgeError('COULD_NOT_VALIDATE', message, { cause: { field, reason, value: shown } })
}
