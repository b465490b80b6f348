import { printable, quote } from './quote.ts'

/** Who can do something about an error. `peer` is the other agent or the hub; `us` is a bug or this computer. */
export type Fault = 'caller' | 'peer' | 'network' | 'us'

/** One row of the table of error codes. */
export interface ErrorKind {
  readonly fault: Fault
  /** The same request may succeed when tried again without anybody changing anything. */
  readonly retry: boolean
  /** Status of an HTTP answer that carries the error. */
  readonly http: number
  /** Exit code of the command line. */
  readonly exit: number
  /** What it means, one sentence for docs/errors.md. */
  readonly means: string
}

/**
 * The one table of error codes: what may go wrong, on any wire, in any command. docs/errors.md repeats it and a
 * test keeps the two equal. Exit codes: 2 usage, 3 not found, 4 denied, 5 unreachable, 6 conflict, 7 timed out,
 * 8 identity, 9 limit, 10 local trouble, 1 a bug.
 */
export const ERRORS = {
  'bad-usage': {
    fault: 'caller',
    retry: false,
    http: 400,
    exit: 2,
    means: 'The command line or the request is not one we understand.',
  },
  'bad-input': {
    fault: 'caller',
    retry: false,
    http: 400,
    exit: 2,
    means: 'A value is out of its range or not of its form.',
  },
  'bad-name': {
    fault: 'caller',
    retry: false,
    http: 400,
    exit: 2,
    means: 'A name has a character it may not have, or is too long or empty.',
  },
  'bad-permit': {
    fault: 'caller',
    retry: false,
    http: 400,
    exit: 2,
    means: 'A permit is cut short, not a permit, or not of this mesh.',
  },
  'not-found': { fault: 'caller', retry: false, http: 404, exit: 3, means: 'There is nothing by that name.' },
  ambiguous: {
    fault: 'caller',
    retry: false,
    http: 409,
    exit: 3,
    means: 'The name fits several things: say which.',
  },
  'not-joined': {
    fault: 'caller',
    retry: false,
    http: 404,
    exit: 3,
    means: 'This agent has not joined a mesh of that name, or none.',
  },
  denied: {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 4,
    means: 'No policy allows it, or one forbids it.',
  },
  'not-logged-in': {
    fault: 'caller',
    retry: false,
    http: 401,
    exit: 4,
    means: 'The local API needs the token of this agent.',
  },
  'wrong-origin': {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 4,
    means: 'The local API was asked by a page or host name that is not its own.',
  },
  'insufficient-balance': {
    fault: 'caller',
    retry: false,
    http: 402,
    exit: 4,
    means: 'The account that pays has too little left.',
  },
  'permit-used': {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 4,
    means: 'A one-time permit was used before.',
  },
  'permit-expired': { fault: 'caller', retry: false, http: 403, exit: 4, means: 'A permit is past its end.' },
  'permit-bound': {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 4,
    means: 'A permit is bound to the key of another computer.',
  },
  unreachable: {
    fault: 'network',
    retry: true,
    http: 502,
    exit: 5,
    means: 'No connection to the other side could be made.',
  },
  offline: {
    fault: 'peer',
    retry: true,
    http: 503,
    exit: 5,
    means: 'The endpoint, hub or agent is known but not connected now.',
  },
  'target-refused': {
    fault: 'peer',
    retry: true,
    http: 502,
    exit: 5,
    means: 'No target behind the hosting endpoint accepted the connection.',
  },
  'call-failed': {
    fault: 'peer',
    retry: false,
    http: 500,
    exit: 10,
    means: 'The program that was called answered with an error of its own.',
  },
  'link-closed': {
    fault: 'network',
    retry: true,
    http: 502,
    exit: 5,
    means: 'The connection ended before the answer came.',
  },
  'billing-failed': {
    fault: 'peer',
    retry: true,
    http: 502,
    exit: 5,
    means: 'Commerce, which keeps balances and usage, did not answer as it should.',
  },
  'agent-down': {
    fault: 'us',
    retry: true,
    http: 503,
    exit: 5,
    means: 'No agent runs on this state folder.',
  },
  conflict: {
    fault: 'caller',
    retry: false,
    http: 409,
    exit: 6,
    means: 'Something is there already, or was changed meanwhile.',
  },
  'name-taken': {
    fault: 'caller',
    retry: false,
    http: 409,
    exit: 6,
    means: 'The name belongs to somebody else in this mesh.',
  },
  'port-in-use': {
    fault: 'caller',
    retry: false,
    http: 409,
    exit: 6,
    means: 'Another program listens on that address.',
  },
  'already-running': {
    fault: 'caller',
    retry: false,
    http: 409,
    exit: 6,
    means: 'An agent or hub already runs on this state folder.',
  },
  'timed-out': {
    fault: 'network',
    retry: true,
    http: 504,
    exit: 7,
    means: 'The answer did not come in time.',
  },
  'not-trusted': {
    fault: 'peer',
    retry: false,
    http: 403,
    exit: 8,
    means: 'A certificate is missing, foreign, of the wrong role, or of another endpoint.',
  },
  'certificate-expired': {
    fault: 'peer',
    retry: false,
    http: 403,
    exit: 8,
    means: 'A certificate is past its end, or not valid yet.',
  },
  evicted: {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 8,
    means: 'The user or endpoint was evicted from the mesh.',
  },
  'clock-skew': {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 8,
    means: 'The clocks of two computers differ by more than five minutes.',
  },
  'bad-ticket': {
    fault: 'caller',
    retry: false,
    http: 403,
    exit: 8,
    means: 'A ticket is forged, used, expired or made for another.',
  },
  'too-large': {
    fault: 'caller',
    retry: false,
    http: 413,
    exit: 9,
    means: 'A message, header or value is over its limit.',
  },
  'too-many': {
    fault: 'caller',
    retry: true,
    http: 429,
    exit: 9,
    means: 'A limit on a number of things is reached.',
  },
  'too-slow': {
    fault: 'peer',
    retry: true,
    http: 408,
    exit: 9,
    means: 'The other side took longer than its time limit for a step of a handshake or request.',
  },
  'bad-message': {
    fault: 'peer',
    retry: false,
    http: 400,
    exit: 9,
    means: 'The other side sent bytes that are not of the protocol.',
  },
  'storage-full': {
    fault: 'us',
    retry: true,
    http: 507,
    exit: 10,
    means: 'The disk with the state folder is full; nothing was changed.',
  },
  'storage-failed': {
    fault: 'us',
    retry: false,
    http: 500,
    exit: 10,
    means: 'The state folder cannot be read or written.',
  },
  'not-permitted': {
    fault: 'us',
    retry: false,
    http: 500,
    exit: 10,
    means: 'The operating system does not allow it to this user.',
  },
  'system-failed': {
    fault: 'us',
    retry: false,
    http: 500,
    exit: 10,
    means: 'A tool of the operating system refused what it was asked.',
  },
  unsupported: {
    fault: 'caller',
    retry: false,
    http: 501,
    exit: 10,
    means: 'It is not possible on this machine or with this version.',
  },
  bug: {
    fault: 'us',
    retry: false,
    http: 500,
    exit: 1,
    means: 'Something we did not foresee: please report it.',
  },
} as const satisfies Record<string, ErrorKind>

/** A code of the table; closed, so a `switch` over it can be checked. */
export type ErrorCode = keyof typeof ERRORS

/** What crosses a wire of an error: never the cause, never a secret. */
export interface ErrorBody {
  readonly code: ErrorCode
  readonly message: string
}

/**
 * The only error class. Callers match on `code`, never on `message`.
 *
 * Messages read `action: state: what would help`, without a full stop:
 * `Cannot open stream to "db": endpoint offline for 12 s: start its agent`.
 */
export class MeshError extends Error {
  override name = 'MeshError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  /** The row of the table for this code. */
  get kind(): ErrorKind {
    return ERRORS[this.code]
  }

  /** What a peer or client may see. */
  toBody(): ErrorBody {
    return { code: this.code, message: this.message }
  }
}

/** Whether `value` is one of the table's codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERRORS, value)
}

/** Any thrown value as a MeshError: ours stay as they are, everything else is a `bug` with the original as cause. */
export function toMeshError(thrown: unknown): MeshError {
  if (thrown instanceof MeshError) return thrown
  const message: unknown = thrown instanceof Error ? thrown.message : thrown
  const text = typeof message === 'string' ? message : quote(message)
  return new MeshError('bug', `Unexpected failure: ${text}`, { cause: thrown })
}

/**
 * The error in an answer's body, or undefined where the body is something else (a proxy's page, say). The message is
 * cut to 1,024 characters and made fit to print: it is a stranger's.
 */
export function parseErrorBody(value: unknown): MeshError | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { code, message } = value as { code?: unknown; message?: unknown }
  if (!isErrorCode(code) || typeof message !== 'string') return undefined
  return new MeshError(code, printable(message, 1_024))
}
