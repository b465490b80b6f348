import { generateKeyPairSync, randomUUID } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JWK } from 'jose'
import Provider, { type Configuration } from 'oidc-provider'

/** The private keys that a provider may sign with. */
export type ProviderKeyType = 'RS256' | 'ES256' | 'EdDSA'

/** A token that is wanted of a provider. */
export interface TokenWish {
  /** `https://…`, as a resource (RFC 8707); it becomes the token's `aud`. */
  readonly audience?: string
  /** A client that was named when the provider was started; it becomes the token's `sub`. */
  readonly client?: string
}

/** A real OpenID provider (npm `oidc-provider`) on loopback. */
export interface OpenIdProvider extends AsyncDisposable {
  readonly issuer: string
  readonly jwksUrl: string
  /** How often its keys were asked for. */
  readonly jwksRequestCount: number
  /** Of the key that signs now. */
  readonly kid: string
  /** What it publishes of the key that signs now. */
  readonly publicKey: JWK
  /** What it signs with now. */
  readonly privateKey: JWK
  /** An access token of an hour, by client credentials. */
  token(wish?: TokenWish): Promise<string>
  /** Sign with a new key from now on. @param keepsOld  the old keys stay published */
  rotate(keepsOld?: boolean): void
}

/** How a provider is started. */
export interface OpenIdProviderOptions {
  readonly alg?: ProviderKeyType
  /** Ids of those who may ask for tokens; `worker` alone by default. */
  readonly clients?: readonly string[]
  /** Claims that are added to each token. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** The audience of tokens where none is wished for. */
export const PROVIDER_AUDIENCE = 'https://ztm.example/controller'

/** Start a provider. It keeps all in memory. */
export async function startOpenIdProvider(options: OpenIdProviderOptions = {}): Promise<OpenIdProvider> {
  const { alg = 'ES256', clients = ['worker'], claims = {} } = options
  let keys = [makeKey(alg)]
  let jwksRequestCount = 0
  let handler: (request: IncomingMessage, response: ServerResponse) => unknown = () => undefined
  const server = http.createServer((request, response) => {
    if (request.url === '/jwks') jwksRequestCount++
    handler(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  // Keys are fixed when a provider is made: one that rotates is another, at the same address.
  function open(): void {
    const configuration = configurationOf({ keys, alg, clients, claims })
    handler = withoutWarnings(() => new Provider(issuer, configuration).callback())
  }
  open()
  const current = () => keys[0] as JWK
  return {
    issuer,
    jwksUrl: `${issuer}/jwks`,
    get jwksRequestCount() {
      return jwksRequestCount
    },
    get kid() {
      return current().kid ?? ''
    },
    get publicKey() {
      const { d: _d, p: _p, q: _q, dp: _dp, dq: _dq, qi: _qi, ...publicKey } = current()
      return publicKey
    },
    get privateKey() {
      return current()
    },
    async token({ audience = PROVIDER_AUDIENCE, client = clients[0] ?? 'worker' } = {}) {
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from(`${client}:${SECRET}`).toString('base64')}` },
        body: new URLSearchParams({ grant_type: 'client_credentials', scope: 'mesh', resource: audience }),
      })
      const answer = (await response.json()) as { access_token?: string }
      if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`)
      return answer.access_token
    },
    rotate(keepsOld = false) {
      keys = [makeKey(alg), ...(keepsOld ? keys : [])]
      open()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function configurationOf(parts: {
  keys: readonly JWK[]
  alg: ProviderKeyType
  clients: readonly string[]
  claims: Readonly<Record<string, unknown>>
}): Configuration {
  return {
    jwks: { keys: [...parts.keys] as never },
    cookies: { keys: ['of no use here'] },
    clients: parts.clients.map(id => ({
      client_id: id,
      client_secret: SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: parts.alg,
    })),
    scopes: ['mesh'],
    ttl: { ClientCredentials: 3_600 },
    extraTokenClaims: () => ({ ...parts.claims }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'mesh',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: parts.alg } },
        }),
      },
    },
  }
}

function makeKey(alg: ProviderKeyType): JWK {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
      : alg === 'ES256'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  return { ...(pair.privateKey.export({ format: 'jwk' }) as JWK), kid: randomUUID(), use: 'sig', alg }
}

/** It tells on the console, each time it is made, that memory is not for production. */
function withoutWarnings<T>(make: () => T): T {
  const { warn, info } = console
  Object.assign(console, { warn: () => undefined, info: () => undefined })
  try {
    return make()
  } finally {
    Object.assign(console, { warn, info })
  }
}

const SECRET = 'secret-of-all-clients'
