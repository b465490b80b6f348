import { z } from 'zod'
import { MeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'

/** Where the keys of an issuer are found: at an address, or where its OpenID configuration says. */
export type KeySource = { readonly jwksEndpoint: string } | { readonly issuer: string }

/** Whether an issuer's name can be asked for its OpenID configuration. */
export function isDiscoverable(issuer: string): boolean {
  const url = URL.parse(issuer)
  return url !== null && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === ''
}

/**
 * The address of a key set.
 *
 * @param fetchJson  within limits of its own
 * @throws MeshError `bad-message` for a configuration that is none, is of another issuer, or leads from https to http;
 *   and as the fetch
 * @see OpenID Connect Discovery 1.0, section 4
 */
export async function findKeySet(
  source: KeySource,
  fetchJson: (url: string) => Promise<unknown>,
): Promise<string> {
  if ('jwksEndpoint' in source) return source.jwksEndpoint
  const { issuer } = source
  const parsed = shape.safeParse(await fetchJson(`${issuer.replace(/\/$/, '')}${WELL_KNOWN}`))
  const action = `Cannot read OpenID configuration of ${quote(issuer)}`
  if (!parsed.success)
    throw new MeshError('bad-message', `${action}: ${quote(parsed.error.issues[0]?.message)}`)
  // Whoever answers for one issuer must not answer for another (section 4.3).
  if (parsed.data.issuer !== issuer) {
    throw new MeshError('bad-message', `${action}: it is of ${quote(parsed.data.issuer)}`)
  }
  const keys = URL.parse(parsed.data.jwks_uri)
  if (keys === null || (keys.protocol !== 'https:' && keys.protocol !== URL.parse(issuer)?.protocol)) {
    throw new MeshError('bad-message', `${action}: jwks_uri is ${quote(parsed.data.jwks_uri)}`)
  }
  return keys.href
}

const WELL_KNOWN = '/.well-known/openid-configuration'
const shape = z.object({ issuer: z.string().max(1_024), jwks_uri: z.string().max(1_024) })
