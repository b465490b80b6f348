/** What a route lets pages of other origins do; see docs/gateway.md, "CORS". */
export interface CorsRule {
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly expose: readonly string[]
  readonly credentials: boolean
  /** Milliseconds. */
  readonly maxAge: number
}

/**
 * Headers that an answer gets.
 *
 * @param origin  of the page that asks, as its browser says
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
export function corsHeaders(rule: CorsRule, origin: string | undefined): Record<string, string> {
  const isAny = rule.origins.includes('*')
  const isAllowed = origin !== undefined && (isAny || rule.origins.includes(origin))
  if (!isAllowed) return isAny ? {} : { vary: 'origin' }
  return {
    'access-control-allow-origin': isAny ? '*' : origin,
    ...(!isAny && { vary: 'origin' }),
    ...(rule.credentials && { 'access-control-allow-credentials': 'true' }),
    ...(rule.expose.length > 0 && { 'access-control-expose-headers': rule.expose.join(', ') }),
  }
}

/** Headers of the answer to the question before a request (`OPTIONS`). */
export function preflightHeaders(rule: CorsRule, origin: string | undefined): Record<string, string> {
  const headers = corsHeaders(rule, origin)
  if (headers['access-control-allow-origin'] === undefined) return headers
  return {
    ...headers,
    'access-control-allow-methods': rule.methods.join(', '),
    ...(rule.headers.length > 0 && { 'access-control-allow-headers': rule.headers.join(', ') }),
    'access-control-max-age': String(Math.round(rule.maxAge / 1_000)),
  }
}
