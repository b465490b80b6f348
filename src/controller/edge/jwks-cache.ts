import type { JWK } from 'jose'
import { z } from 'zod'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { Log } from '../../core/model/log.ts'
import { quote } from '../../core/model/quote.ts'
import type { Clock } from '../../core/model/time.ts'
import { findKeySet, type KeySource } from './key-set-address.ts'

/** Fetches a JSON document, within limits of time, size and reach of its own: see `net/limited-fetch.ts`. */
export type FetchJson = (url: string) => Promise<unknown>

/** The public keys of issuers, by where they publish them. */
export interface JwksCache {
  /**
   * The key of one kid.
   *
   * Keys count as fresh for five minutes. An unknown kid, or keys that are older, make the issuer be asked again, at most
   * once in ten seconds and once for all who wait. While it cannot be asked, its old keys go on for an hour.
   *
   * @returns undefined where the issuer has no such key
   * @throws MeshError as the fetch, or `bad-message`, where nothing good is known and the issuer cannot be asked
   */
  find(source: KeySource, kid: string): Promise<JWK | undefined>
}

/** Times and counts of the cache; see docs/limits.md, "Logins". */
export const JWKS_LIMITS = {
  freshMs: 300_000,
  /** Between two questions to one issuer, whatever kids are asked for. */
  retryMs: 10_000,
  /** For how long keys are believed that could not be fetched again. */
  staleMs: 3_600_000,
  issuers: 256,
  keysPerIssuer: 100,
} as const

interface Issuer {
  keys: ReadonlyMap<string, JWK>
  fetchedAtMs: number
  askedAtMs: number
  /** A question that is under way. */
  asking: Promise<void> | undefined
  /** Why the last one failed. */
  failure: MeshError | undefined
}

/** Make a cache that knows nothing yet. */
export function createJwksCache(parts: { fetchJson: FetchJson; clock: Clock; log: Log }): JwksCache {
  const { clock, log } = parts
  // In order of use, as a map keeps the order of insertion.
  const issuers = new Map<string, Issuer>()

  function issuerOf(source: KeySource): Issuer {
    const name = JSON.stringify(source)
    const issuer = issuers.get(name) ?? newIssuer()
    issuers.delete(name)
    const [oldest] = issuers.keys()
    if (oldest !== undefined && issuers.size >= JWKS_LIMITS.issuers) issuers.delete(oldest)
    issuers.set(name, issuer)
    return issuer
  }

  async function ask(issuer: Issuer, source: KeySource): Promise<void> {
    issuer.askedAtMs = clock.now()
    try {
      const url = await findKeySet(source, parts.fetchJson)
      const keys = readKeys(await parts.fetchJson(url))
      log.debug('jwks.fetched', { url, kids: [...keys.keys()] })
      Object.assign(issuer, { keys, fetchedAtMs: issuer.askedAtMs, failure: undefined })
    } catch (error) {
      issuer.failure = toMeshError(error)
      const { code, message } = issuer.failure
      log.warn('jwks.not-fetched', { ...source, code, message, keyCount: issuer.keys.size })
    } finally {
      issuer.asking = undefined
    }
  }

  return {
    async find(source, kid) {
      const issuer = issuerOf(source)
      const isFresh = isWithin(issuer.fetchedAtMs, JWKS_LIMITS.freshMs, clock.now())
      if (isFresh && issuer.keys.has(kid)) return issuer.keys.get(kid)
      if (issuer.asking === undefined && !isWithin(issuer.askedAtMs, JWKS_LIMITS.retryMs, clock.now())) {
        issuer.asking = ask(issuer, source)
      }
      await issuer.asking
      const isUsable = isWithin(issuer.fetchedAtMs, JWKS_LIMITS.staleMs, clock.now())
      const key = isUsable ? issuer.keys.get(kid) : undefined
      if (key === undefined && issuer.failure !== undefined) throw issuer.failure
      return key
    },
  }
}

function newIssuer(): Issuer {
  const never = Number.NEGATIVE_INFINITY
  return { keys: new Map(), fetchedAtMs: never, askedAtMs: never, asking: undefined, failure: undefined }
}

/** A clock that was set back makes all things due. */
function isWithin(sinceMs: number, spanMs: number, now: number): boolean {
  return now >= sinceMs && now < sinceMs + spanMs
}

/** The keys of a set that can check signatures, by kid; others are passed over, and of two with one kid the second. */
function readKeys(document: unknown): ReadonlyMap<string, JWK> {
  const set = setShape.safeParse(document)
  if (!set.success) {
    throw new MeshError('bad-message', `Cannot read key set: ${quote(set.error.issues[0]?.message)}`)
  }
  const keys = new Map<string, JWK>()
  for (const candidate of set.data.keys) {
    if (keys.size >= JWKS_LIMITS.keysPerIssuer) break
    const key = keyShape.safeParse(candidate)
    if (key.success && !keys.has(key.data.kid)) keys.set(key.data.kid, key.data as JWK)
  }
  if (keys.size === 0) throw new MeshError('bad-message', 'Cannot read key set: no key of use is in it')
  return keys
}

const number64 = (bits: number) =>
  z
    .string()
    .regex(/^[A-Za-z0-9_-]+$/)
    .max(Math.ceil(bits / 6))
const common = {
  kid: z.string().min(1).max(512),
  /** RFC 7517, section 4.2. */
  use: z.literal('sig').optional(),
  alg: z.string().max(16).optional(),
}
const setShape = z.object({ keys: z.array(z.unknown()) })
// No symmetric keys: one that is published is no secret. Members that we do not know (`x5c`, `jku`, `d`) are left out.
const keyShape = z.discriminatedUnion('kty', [
  // A large exponent makes each check dear.
  z.object({ ...common, kty: z.literal('RSA'), n: number64(8_192), e: number64(64) }),
  z.object({
    ...common,
    kty: z.literal('EC'),
    crv: z.enum(['P-256', 'P-384', 'P-521']),
    x: number64(528),
    y: number64(528),
  }),
  z.object({ ...common, kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: number64(264) }),
])
