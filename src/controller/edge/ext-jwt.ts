import { X509Certificate } from 'node:crypto'
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWK,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { toMeshError } from '../../core/model/errors.ts'
import { quote } from '../../core/model/quote.ts'
import type { SignerRecord } from './edge-records.ts'
import type { JwksCache } from './jwks-cache.ts'

/** What must be known of a signer to judge its tokens. */
export type TokenSigner = Pick<
  SignerRecord,
  | 'id'
  | 'name'
  | 'issuer'
  | 'audience'
  | 'enabled'
  | 'jwksEndpoint'
  | 'certPem'
  | 'kid'
  | 'claimsProperty'
  | 'useExternalId'
>

/** Why a token is not taken, for the log; whoever showed it learns no more than that. */
export type TokenProblem =
  | 'malformed'
  | 'kid-missing'
  | 'algorithm'
  | 'issuer-unknown'
  | 'signer-disabled'
  | 'kid-unknown'
  | 'keys-unavailable'
  | 'signature'
  | 'expired'
  | 'from-future'
  | 'audience'
  | 'claim'

/** What a token turned out to be. */
export type TokenVerdict =
  | {
      readonly isGood: true
      readonly signer: TokenSigner
      /** What the signer's claim says: an externalId, or an identity's id. */
      readonly subject: string
      readonly claims: JWTPayload
    }
  | {
      readonly isGood: false
      readonly problem: TokenProblem
      /** Which claim, with what was found and what was wanted. */
      readonly detail: string
      /** Where it was known whose token it claims to be. */
      readonly signer?: TokenSigner
    }

/** Judges tokens of external signers. */
export interface TokenChecker {
  /**
   * Judge a token: whole, made by a key of the signer that it names by `iss` and `kid`, for the signer's audience, and good
   * now. Nothing that the token says of its own key (`jwk`, `jku`, `x5c`, `alg`) is believed.
   *
   * @param signers  all there are; several may have one issuer, for different audiences
   * @param now      ms since the epoch
   * @see RFC 7519, section 7.2; RFC 8725
   */
  check(token: string, signers: Iterable<TokenSigner>, now: number): Promise<TokenVerdict>
}

/** Make a checker; it keeps no more than the keys of certificates. */
export function createTokenChecker(jwks: JwksCache): TokenChecker {
  return {
    async check(token, signers, now) {
      const read = readUnproven(token)
      if ('problem' in read) return read
      const { alg, kid, issuer } = read
      const named = [...signers].filter(signer => signer.issuer === issuer)
      const enabled = named.filter(signer => signer.enabled)
      const [first = named[0]] = enabled
      if (first === undefined) return bad('issuer-unknown', `iss: no signer has issuer ${quote(issuer)}`)
      if (!first.enabled) return bad('signer-disabled', `signer ${quote(first.name)} is disabled`, first)
      const verdicts: TokenVerdict[] = []
      for (const signer of enabled) {
        const key = await findKey(jwks, signer, kid)
        const verdict = 'problem' in key ? key : await verify(token, { alg, key: key.key, signer, now })
        if (verdict.isGood) return verdict
        verdicts.push(verdict)
      }
      // Of several signers of one issuer, the one that came closest says what is wrong.
      return verdicts.sort((a, b) => stepOf(b) - stepOf(a))[0] ?? bad('malformed', 'not a token')
    },
  }
}

/** What a token says of itself before anything is proven. */
function readUnproven(token: string): { alg: string; kid: string; issuer: string } | Bad {
  if (token.length > MAX_TOKEN_CHARACTERS) {
    return bad('malformed', `${token.length} characters: at most ${MAX_TOKEN_CHARACTERS}`)
  }
  try {
    const { alg, kid, b64 } = decodeProtectedHeader(token)
    const { iss } = decodeJwt(token)
    if (typeof alg !== 'string' || !ALGORITHMS.includes(alg) || b64 === false) {
      return bad('algorithm', `alg: ${quote(alg)}: wanted one of ${ALGORITHMS.join(', ')}`)
    }
    if (typeof kid !== 'string' || kid === '' || kid.length > MAX_KID_CHARACTERS) {
      return bad('kid-missing', `kid: ${quote(kid)}: wanted text in the header`)
    }
    if (typeof iss !== 'string') return bad('issuer-unknown', `iss: ${quote(iss)}: wanted text`)
    return { alg, kid, issuer: iss }
  } catch (error) {
    return bad('malformed', quote(error instanceof Error ? error.message : 'not a token'))
  }
}

async function findKey(
  jwks: JwksCache,
  signer: TokenSigner,
  kid: string,
): Promise<{ key: JWK | string } | Bad> {
  const unknown = bad(
    'kid-unknown',
    `kid: ${quote(kid)}: signer ${quote(signer.name)} has no such key`,
    signer,
  )
  const { jwksEndpoint, certPem, issuer } = signer
  // With both, the keys' address is meant: certificates of a signer that publishes its keys grow old unseen.
  if (jwksEndpoint === undefined && certPem !== undefined)
    return signer.kid === kid ? { key: certPem } : unknown
  try {
    const key = await jwks.find(jwksEndpoint === undefined ? { issuer } : { jwksEndpoint }, kid)
    return key === undefined ? unknown : { key }
  } catch (error) {
    return bad('keys-unavailable', toMeshError(error).message, signer)
  }
}

async function verify(
  token: string,
  { alg, key, signer, now }: { alg: string; key: JWK | string; signer: TokenSigner; now: number },
): Promise<TokenVerdict> {
  try {
    const { payload } = await jwtVerify(token, await usableKey(key, alg), {
      algorithms: [alg],
      issuer: signer.issuer,
      audience: signer.audience,
      clockTolerance: TOKEN_CLOCK_TOLERANCE_MS / 1_000,
      currentDate: new Date(now),
      requiredClaims: ['exp'],
    })
    const { iat } = payload
    if (iat !== undefined && !(iat * 1_000 <= now + TOKEN_CLOCK_TOLERANCE_MS)) {
      return bad('from-future', `iat: ${iat}: it is ${Math.floor(now / 1_000)} now`, signer)
    }
    const subject = claimOf(payload, signer.claimsProperty)
    if (typeof subject !== 'string' || subject === '' || subject.length > MAX_SUBJECT_CHARACTERS) {
      const wanted = `wanted text of 1 to ${MAX_SUBJECT_CHARACTERS} characters`
      return bad('claim', `${signer.claimsProperty}: ${quote(subject)}: ${wanted}`, signer)
    }
    return { isGood: true, signer, subject, claims: payload }
  } catch (error) {
    return explain(error, signer, now)
  }
}

/** A key for one algorithm; jose refuses one that is of another kind, or RSA below 2,048 bits. */
async function usableKey(key: JWK | string, alg: string): Promise<CryptoKey | JWK> {
  if (typeof key !== 'string') {
    if (key.alg !== undefined && key.alg !== alg) throw new TypeError(`the key is for ${key.alg}`)
    return key
  }
  const { publicKey } = new X509Certificate(key)
  return publicKey.export({ format: 'jwk' }) as JWK
}

/** A claim of a token, undefined where there is none. @param property  a name, or a JSON pointer (RFC 6901) */
export function claimOf(payload: JWTPayload, property: string): unknown {
  const path = property.startsWith('/')
    ? property
        .slice(1)
        .split('/')
        .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    : [property]
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? (value as Record<string, unknown>)[part]
        : undefined,
    payload,
  )
}

/** Which check failed, from the errors of jose. */
function explain(thrown: unknown, signer: TokenSigner, now: number): Bad {
  if (thrown instanceof errors.JWTExpired) {
    const ended = new Date(Number(thrown.payload.exp) * 1_000)
    const time = Number.isNaN(ended.getTime()) ? 'long ago' : ended.toISOString()
    return bad('expired', `exp: it ended ${time}, it is ${new Date(now).toISOString()} now`, signer)
  }
  if (thrown instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload, reason } = thrown
    const found = quote(claimText(payload[claim]))
    if (claim === 'aud') return bad('audience', `aud: ${found}: wanted ${quote(signer.audience)}`, signer)
    const isEarly = claim === 'nbf' && reason === 'check_failed'
    return bad(isEarly ? 'from-future' : 'claim', `${claim}: ${found}: ${quote(thrown.message)}`, signer)
  }
  if (thrown instanceof errors.JWSSignatureVerificationFailed) {
    return bad('signature', 'signature: not made by the key of this kid', signer)
  }
  return bad('signature', quote(thrown instanceof Error ? thrown.message : 'the key cannot check it'), signer)
}

function claimText(claim: unknown): string {
  return typeof claim === 'string' ? claim : (JSON.stringify(claim)?.slice(0, 200) ?? 'missing')
}

type Bad = Extract<TokenVerdict, { isGood: false }>

function bad(problem: TokenProblem, detail: string, signer?: TokenSigner): Bad {
  return { isGood: false, problem, detail, ...(signer !== undefined && { signer }) }
}

/** How far a token came. */
function stepOf(verdict: TokenVerdict): number {
  return verdict.isGood ? STEPS.length : STEPS.indexOf(verdict.problem)
}

const STEPS: readonly TokenProblem[] = [
  'kid-unknown',
  'keys-unavailable',
  'signature',
  'audience',
  'expired',
  'from-future',
  'claim',
]

/** Signatures by a key pair alone: nobody who can check a token can make one. */
const ALGORITHMS: readonly string[] = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]
/** How far the clocks of issuer and controller may be apart. */
export const TOKEN_CLOCK_TOLERANCE_MS = 30_000

/** The longest token that is looked at; the headers of a request hold no longer one. */
export const MAX_TOKEN_CHARACTERS = 16_384
const MAX_KID_CHARACTERS = 512
const MAX_SUBJECT_CHARACTERS = 512
