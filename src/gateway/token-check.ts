import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose'
import type { GatewayRoute } from '../core/gateway/gateway-config.ts'
import { MeshError } from '../core/model/errors.ts'

/** What a route asks of tokens. */
export type TokenRule = NonNullable<GatewayRoute['auth']>['jwt']

/** What a good token says. */
export interface CheckedToken {
  readonly subject: string
  /** Headers for the service, by the rule. */
  readonly headers: Readonly<Record<string, string>>
}

/**
 * Check the token of a request.
 *
 * @param authorization  the header's value
 * @throws MeshError `not-logged-in` for a bad token or none, `denied` if it lacks a scope, `offline` if the keys of
 *   the issuer cannot be had
 */
export type TokenCheck = (authorization: string | undefined) => Promise<CheckedToken>

/** Fetches a JSON document, within limits of its own. */
export type FetchJson = (url: string) => Promise<unknown>

/** Make a check. Keys are fetched when first needed, kept 5 minutes, and fetched early for an unknown key, at most every 10 s. */
export function createTokenCheck(rule: TokenRule, fetchJson: FetchJson): TokenCheck {
  const keys = createRemoteJWKSet(new URL(rule.jwks), {
    cooldownDuration: 10_000,
    cacheMaxAge: 300_000,
    [customFetch]: async url => Response.json(await fetchJson(url)),
  })
  const options = {
    issuer: rule.issuer,
    audience: rule.audience,
    algorithms: [...rule.algorithms],
    clockTolerance: 60,
    requiredClaims: ['exp', 'sub'],
  }
  return async authorization => {
    const [, token] = /^Bearer +([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization ?? '') ?? []
    if (token === undefined || token.length > MAX_TOKEN_CHARS) throw refuse('a bearer token is needed')
    const { payload } = await jwtVerify(token, keys, options).catch(error => {
      throw translate(error)
    })
    const granted = new Set(typeof payload.scope === 'string' ? payload.scope.split(' ') : [])
    const missing = rule.scopes.filter(scope => !granted.has(scope))
    if (missing.length > 0)
      throw new MeshError('denied', `Cannot take request: the token lacks scope ${missing[0]}`)
    return { subject: String(payload.sub), headers: claimHeaders(rule, payload) }
  }
}

function claimHeaders(rule: TokenRule, payload: JWTPayload): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, claim] of Object.entries(rule.forwardClaims)) {
    const value = payload[claim]
    if (value === undefined) continue
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    // A header holds Latin text alone; the rest of Unicode goes percent-encoded.
    headers[name] = /^[\x20-\x7e]*$/.test(text) ? text : encodeURIComponent(text)
  }
  return headers
}

function translate(error: unknown): MeshError {
  if (error instanceof errors.JWTExpired) return refuse('the token is expired', error)
  if (error instanceof errors.JWTClaimValidationFailed)
    return refuse(`the token's ${error.claim} does not fit`, error)
  // What fetching threw is none of the library's errors.
  if (error instanceof errors.JWKSTimeout || !(error instanceof errors.JOSEError)) {
    return new MeshError('offline', 'Cannot fetch the keys of the issuer', { cause: error })
  }
  return refuse('the token is not good', error)
}

function refuse(why: string, cause?: unknown): MeshError {
  return new MeshError('not-logged-in', `Cannot take request: ${why}`, { cause })
}

/** The longest token that is looked at. */
export const MAX_TOKEN_CHARS = 16_384
