import { ERRORS, type MeshError } from '../core/model/errors.ts'
import type { LoopbackAnswer } from '../net/loopback-server.ts'
import { formatCondition, XML_TYPE } from './write-xml.ts'

/** An answer without a body. */
export function plain(status: number, headers: LoopbackAnswer['headers'] = {}): LoopbackAnswer {
  return { status, headers: { ...SAFE_HEADERS, ...headers } }
}

/** An answer that says why not, in words. */
export function refusal(
  status: number,
  why: string,
  headers: LoopbackAnswer['headers'] = {},
): LoopbackAnswer {
  const type = { 'content-type': 'text/plain; charset=utf-8' }
  return { status, headers: { ...SAFE_HEADERS, ...type, ...headers }, body: `${why}\n` }
}

/** An answer that says why not, as a program understands it. @see RFC 4918, section 16 */
export function condition(status: number, name: string, hrefs: readonly string[] = []): LoopbackAnswer {
  return {
    status,
    headers: { ...SAFE_HEADERS, 'content-type': XML_TYPE },
    body: formatCondition(name, hrefs),
  }
}

/** An error as an answer. */
export function answerOf(error: MeshError): LoopbackAnswer {
  const status = STATUS[error.code] ?? ERRORS[error.code].http
  const isLater = status === 503 || status === 504
  return refusal(status, error.message, isLater ? { 'retry-after': '5' } : {})
}

// Where WebDAV has a status of its own.
const STATUS: Partial<Record<MeshError['code'], number>> = { 'storage-full': 507, 'not-permitted': 403 }

/** What stands over all that comes from a share: whatever a browser takes it for, nothing in it runs, and no other site sees it. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}
