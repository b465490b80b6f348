import https from 'node:https'
import { loadX509 } from '../pki/x509-library.ts'

/** Who signs certificates by ACME (RFC 8555), and with which account. */
export interface AcmeAuthority {
  readonly directory: string
  readonly accountKeyPem: string
  readonly email: string | undefined
  /** PEM of the root of the directory's own certificate, where it is none that the computer knows. */
  readonly rootPem: string | undefined
}

/** How a certificate is ordered. */
export interface AcmeOrder {
  readonly hosts: readonly string[]
  /** Kinds of challenge, most wanted first. */
  readonly challenges: readonly ('http-01' | 'tls-alpn-01')[]
  /** Get ready to answer. */
  prepare(challenge: AcmeChallenge): void
  /** The answer is not needed any more. */
  cleanUp(challenge: AcmeChallenge): void
}

/** One question of the authority. */
export type AcmeChallenge =
  | { readonly kind: 'http-01'; readonly token: string; readonly answer: string }
  | {
      readonly kind: 'tls-alpn-01'
      readonly host: string
      readonly certificatePem: string
      readonly keyPem: string
    }

/** A new key for an account, P-256, PEM. */
export async function createAcmeAccountKey(): Promise<string> {
  const acme = await loadAcme()
  return String(await acme.crypto.createPrivateEcdsaKey('P-256'))
}

/**
 * Order a certificate for a new key.
 *
 * @throws what the library throws: the authority's refusal, or that it cannot be reached
 */
export async function orderCertificate(
  authority: AcmeAuthority,
  order: AcmeOrder,
): Promise<{ readonly chainPem: string; readonly keyPem: string }> {
  const { directory, accountKeyPem, email, rootPem } = authority
  const acme = await loadAcme()
  // The library has one client for all of a process; a root of one's own is for test authorities.
  acme.axios.defaults.httpsAgent = rootPem === undefined ? undefined : new https.Agent({ ca: rootPem })
  acme.axios.defaults.timeout = REQUEST_TIMEOUT_MS
  acme.axios.defaults.maxContentLength = MAX_ANSWER_BYTES
  const client = new acme.Client({
    directoryUrl: directory,
    accountKey: accountKeyPem,
    backoffAttempts: 12,
    backoffMin: 500,
    backoffMax: 10_000,
  })
  const [commonName = ''] = order.hosts
  const key = await acme.crypto.createPrivateEcdsaKey('P-256')
  const [, csr] = await acme.crypto.createCsr({ commonName, altNames: [...order.hosts] }, key)
  const open = new Map<string, AcmeChallenge>()
  const chainPem = await client.auto({
    csr,
    termsOfServiceAgreed: true,
    // It would ask by this computer's view of the names, which need not be the public's.
    skipChallengeVerification: true,
    challengePriority: [...order.challenges],
    ...(email !== undefined && { email }),
    challengeCreateFn: async (authorization, { type, token }, answer) => {
      const host = authorization.identifier.value
      if (type === 'http-01') open.set(token, { kind: type, token, answer })
      else if ((type as string) === 'tls-alpn-01') {
        const [keyPem, certificatePem] = await acme.crypto.createAlpnCertificate(authorization, answer)
        open.set(token, {
          kind: 'tls-alpn-01',
          host,
          certificatePem: String(certificatePem),
          keyPem: String(keyPem),
        })
      } else throw new Error(`the authority asks for ${type}, which the gateway does not speak`)
      const challenge = open.get(token)
      if (challenge !== undefined) order.prepare(challenge)
    },
    challengeRemoveFn: async (_authorization, { token }) => {
      const challenge = open.get(token)
      if (challenge !== undefined) order.cleanUp(challenge)
    },
  })
  return { chainPem, keyPem: String(key) }
}

/** Only a gateway that orders certificates needs it, and it needs what our own loader of its X.509 library brings. */
async function loadAcme() {
  await loadX509()
  return (await import('acme-client')).default
}

const REQUEST_TIMEOUT_MS = 30_000
const MAX_ANSWER_BYTES = 1_048_576
