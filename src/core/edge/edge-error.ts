/**
 * The codes of errors of the Edge APIs, each with its HTTP status and its meaning: those of OpenZiti that we serve, so that its
 * clients understand them. All other wires of the mesh speak the codes of `core/model/errors.ts`.
 *
 * `NOT_ACCEPTABLE` and `INSUFFICIENT_BALANCE` are ours.
 */
export const EDGE_ERRORS = {
  COULD_NOT_VALIDATE: {
    status: 400,
    means: 'A field is missing, unknown or not of its form; `cause` says which and why.',
  },
  COULD_NOT_PARSE_BODY: {
    status: 400,
    means: 'The body is not JSON, not UTF-8, too deep, or has a member twice.',
  },
  INVALID_CONTENT_TYPE: { status: 400, means: 'The body is of a media type that is not read here.' },
  INVALID_AUTH_METHOD: { status: 400, means: 'There is no such way to log in.' },
  INVALID_ENROLLMENT_TOKEN: { status: 400, means: 'There is no enrollment with this token.' },
  ENROLLMENT_EXPIRED: { status: 400, means: 'The enrollment is past its end: ask for a new one.' },
  INVALID_ENROLL_METHOD: { status: 400, means: 'The enrollment is not of this method.' },
  MISSING_OR_INVALID_CSR: { status: 400, means: 'There is no signing request, or none that can be read.' },
  COULD_NOT_PROCESS_CSR: { status: 400, means: 'The signing request is not good: its signature or its key.' },
  NO_EDGE_ROUTERS_AVAILABLE: {
    status: 400,
    means: 'No hub may carry this service for this identity, or it is disabled.',
  },
  CERT_FAILED_VALIDATION: { status: 400, means: 'The certificate is not the one that was made.' },
  INVALID_CERT_PEM: { status: 400, means: 'This is not a certificate in PEM.' },
  INVALID_FILTER: { status: 400, means: 'The filter cannot be read; the message says where.' },
  INVALID_SORT_IDENTIFIER: { status: 400, means: 'Lists of this kind cannot be sorted by that.' },
  INVALID_PAGINATION: { status: 400, means: 'Limit or offset is not a number.' },
  ENTITY_CAN_NOT_BE_DELETED: { status: 400, means: 'It has to stay, or goes with something of the mesh.' },
  ENTITY_CAN_NOT_BE_UPDATED: { status: 400, means: 'It follows from something of the mesh: change that.' },
  UNAUTHORIZED: { status: 401, means: 'No good session token or certificate, or not an administrator’s.' },
  INVALID_AUTH: { status: 401, means: 'The login failed; why is in the hub’s log alone.' },
  INSUFFICIENT_BALANCE: { status: 402, means: 'Who pays has too little left.' },
  NOT_FOUND: { status: 404, means: 'It is not there, or not for who asks to see.' },
  METHOD_NOT_ALLOWED: { status: 405, means: 'The path has no such method; `Allow` has those it has.' },
  NOT_ACCEPTABLE: { status: 406, means: 'The client takes nothing that this path gives.' },
  ENROLLMENT_EXISTS: { status: 409, means: 'The identity has an enrollment of this method already.' },
  INVALID_ENROLLMENT_NOT_ALLOWED: {
    status: 409,
    means: 'The signer does not let its people in by themselves.',
  },
  ENROLLMENT_IDENTITY_ALREADY_ENROLLED: { status: 409, means: 'The identity has a way in already.' },
  CAN_NOT_UPDATE_AUTHENTICATOR: { status: 409, means: 'The authenticator is of another kind.' },
  CAN_NOT_DELETE_REFERENCED_ENTITY: { status: 409, means: 'Others refer to it: change those first.' },
  MAX_AUTHENTICATOR_METHODS_REACHED: {
    status: 409,
    means: 'The identity has an authenticator of this method already.',
  },
  INVALID_ENROLLMENT_ALREADY_ENROLLED: { status: 410, means: 'The one-time token was used before.' },
  REQUEST_ENTITY_TOO_LARGE: { status: 413, means: 'The body is longer than is read.' },
  RATE_LIMITED: { status: 429, means: 'Too many failed logins: wait as `Retry-After` says.' },
  SERVER_TOO_MANY_REQUESTS: {
    status: 429,
    means: 'Too much at once, or too many of a kind: wait as `Retry-After` says, or delete some.',
  },
  UNHANDLED: { status: 500, means: 'A bug; the hub’s log has it under the request’s id.' },
  COULD_NOT_READ_BODY: { status: 500, means: 'The body broke off.' },
  TIMEOUT: { status: 503, means: 'The body took too long.' },
} as const satisfies Record<string, { readonly status: number; readonly means: string }>

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
    this.status = EDGE_ERRORS[code].status
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
