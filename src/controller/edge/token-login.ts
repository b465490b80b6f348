import { quote } from '../../core/model/quote.ts'
import type { AuthPolicyRecord, IdentityRecord } from './edge-records.ts'
import type { EdgeTables } from './edge-tables.ts'
import type { TokenChecker, TokenSigner, TokenVerdict } from './ext-jwt.ts'
import { admitIdentity, type Proof, type Refusal, refusal } from './login-proof.ts'
import type { Login } from './logins.ts'

/** Judges tokens of external signers as logins. */
export interface TokenLogin {
  /** Whether one of the tokens is good as a login. @param tokens  at most two, see `bearersOf` */
  prove(tokens: readonly string[], now: number): Promise<Proof>
  /** Whether a login also shows the token that its auth policy wants beside it; the refusal where it does not. */
  second(login: Login, tokens: readonly string[], now: number): Promise<Refusal | undefined>
}

interface Parts {
  readonly tables: Pick<EdgeTables, 'signers' | 'identities' | 'authPolicies'>
  readonly checker: TokenChecker
}

/** Make the judge of tokens. */
export function createTokenLogin({ tables, checker }: Parts): TokenLogin {
  const { signers, identities } = tables
  const judge = (token: string, now: number) => checker.check(token, signers.values(), now)

  return {
    async prove(tokens, now) {
      const refusals: Refusal[] = []
      for (const token of tokens) {
        const verdict = await judge(token, now)
        const proof = verdict.isGood ? admit(tables, verdict, now) : refuse(verdict)
        if (proof.isGood) return proof
        refusals.push(proof)
      }
      const [first = missing([...signers.values()].filter(({ enabled }) => enabled))] = refusals
      return first
    },
    async second(login, tokens, now) {
      const wanted = login.authPolicy.secondary.requireExtJwtSigner
      if (wanted === undefined || login.signerId === wanted) return undefined
      for (const token of tokens) {
        const verdict = await judge(token, now)
        if (!verdict.isGood || verdict.signer.id !== wanted) continue
        if (identityOf(identities, verdict)?.id === login.identity.id) return undefined
      }
      const signer = signers.get(wanted)
      return {
        ...refusal('second-token', `no token of signer ${quote(signer?.name ?? wanted)} beside the login`),
        challenge: challengeOf(
          'secondary',
          tokens.length === 0 ? 'missing' : 'invalid',
          signer ? [signer] : [],
        ),
      }
    },
  }
}

/** The tokens of `authorization` headers: of at most two, as OpenZiti looks at no more. */
export function bearersOf(authorizations: readonly string[]): string[] {
  return authorizations
    .flatMap(value => value.slice(0, MAX_HEADER_CHARACTERS).split(','))
    .flatMap(value => /^\s*Bearer +(\S+)\s*$/i.exec(value)?.[1] ?? [])
    .slice(0, 2)
}

type GoodVerdict = Extract<TokenVerdict, { isGood: true }>

function admit(tables: Parts['tables'], verdict: GoodVerdict, now: number): Proof {
  const { signer, subject } = verdict
  const identity = identityOf(tables.identities, verdict)
  if (identity === undefined) {
    const what = signer.useExternalId ? 'externalId' : 'id'
    return {
      ...refusal('identity-unknown', `no identity has ${what} ${quote(subject)}`, { signer: signer.name }),
      challenge: challengeOf('primary', 'invalid', [signer]),
    }
  }
  const isAllowed = ({ extJwt }: AuthPolicyRecord['primary']) =>
    extJwt.allowed && (extJwt.allowedSigners.length === 0 || extJwt.allowedSigners.includes(signer.id))
  const proof = admitIdentity(tables, { identity, signerId: signer.id }, isAllowed, now)
  return proof.isGood ? proof : { ...proof, challenge: challengeOf('primary', 'invalid', [signer]) }
}

/** Whose token it is; nobody's where two identities have the same externalId. */
function identityOf(
  identities: EdgeTables['identities'],
  { signer, subject }: GoodVerdict,
): IdentityRecord | undefined {
  if (!signer.useExternalId) return identities.get(subject)
  const [identity, ...more] = identities.by('externalId', subject)
  return more.length === 0 ? identity : undefined
}

function refuse({ problem, detail, signer }: Extract<TokenVerdict, { isGood: false }>): Refusal {
  const error = problem === 'expired' ? 'expired' : 'invalid'
  return {
    ...refusal(problem, detail, { signer: signer?.name }),
    challenge: challengeOf('primary', error, signer ? [signer] : []),
  }
}

function missing(signers: readonly TokenSigner[]): Refusal {
  return {
    ...refusal('token-missing', 'no authorization header with a bearer token'),
    challenge: challengeOf('primary', 'missing', signers.slice(0, MAX_NAMED_SIGNERS)),
  }
}

/** What is wrong, in the words of OpenZiti. @see RFC 6750, section 3 */
function challengeOf(which: 'primary' | 'secondary', error: string, signers: readonly TokenSigner[]): string {
  const join = (values: string[]) => values.map(headerText).join('|')
  const ids = join(signers.map(({ id }) => id))
  const issuers = join(signers.map(({ issuer }) => issuer))
  const named = signers.length === 0 ? '' : ` id="${ids}" issuer="${issuers}"`
  const described = `error_description="the token is ${error}"`
  return `Bearer realm="openziti-${which}-ext-jwt" error="${error}" ${described}${named}`
}

/** Fit for a quoted string of a header. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, '')
}

const MAX_HEADER_CHARACTERS = 40_000
const MAX_NAMED_SIGNERS = 16
