import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { after, before, describe, it } from 'node:test'
import { type GatewayRig, type RigServer, serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { type OpenIdProvider, PROVIDER_AUDIENCE, startOpenIdProvider } from '../testing/openid-provider.ts'

describe('routes', () => {
  let provider: OpenIdProvider
  let app: RigServer
  let rig: GatewayRig
  let nowMs = 0

  before(async () => {
    provider = await startOpenIdProvider({ claims: { team: 'blue', scope: 'read write' } })
    app = await serveOnLoopback((request, response) => {
      const { method, url, headers } = request
      response.setHeader('server', 'secret/1.0')
      response.end(JSON.stringify({ method, url, headers }))
    })
    const jwt = `jwks: ${provider.jwksUrl}, issuer: ${provider.issuer}, audience: ${PROVIDER_AUDIENCE}`
    rig = await startGatewayRig(
      `
listeners: [{ kind: http, listen: '127.0.0.1:0' }, { kind: http, listen: '127.0.0.1:0', redirectToHttps: true }]
trustedProxies: [127.0.0.0/8]
routes:
  - { path: /v1/*, service: one, stripPrefix: /v1, methods: [GET, POST] }
  - { path: /v1/special/*, service: two }
  - { host: '*.example.com', service: two }
  - { path: /mine, service: one, auth: { jwt: { ${jwt}, forwardClaims: { x-user: sub, x-team: team, x-none: none } } } }
  - { path: /admin, service: one, auth: { jwt: { ${jwt}, scopes: [admin] } } }
  - { path: /broken, service: one, auth: { jwt: { ${jwt.replace(/jwks: [^,]*/, 'jwks: http://127.0.0.1:1/')} } } }
  - { path: /slow, service: one, rateLimit: { perSecond: 0.5, burst: 2 } }
  - path: /own
    service: one
    auth: { jwt: { ${jwt}, keepToken: true } }
    rateLimit: { perSecond: 1, burst: 1, by: subject }
  - path: /changed
    service: one
    requestHeaders: { set: { x-added: 'yes' }, remove: [x-mine] }
    responseHeaders: { set: { strict-transport-security: max-age=1 }, remove: [server] }
  - path: /cors
    service: one
    cors: { origins: ['https://page.example'], methods: [GET, PUT], headers: [x-a], credentials: true, expose: [x-b] }
`,
      { 'tcp/one': app.port, 'tcp/two': app.port },
      { clock: { now: () => nowMs } },
    )
  })
  after(async () => {
    await rig[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
    await provider[Symbol.asyncDispose]()
  })

  const ask = (path: string, options: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${rig.port}${path}`, options)
  const seen = async (path: string, options: RequestInit = {}) =>
    (await (await ask(path, options)).json()) as { url: string; headers: Record<string, string> }

  it('lead to services by path, without a prefix where that is asked for', async () => {
    assert.equal((await seen('/v1/a?b=%20')).url, '/a?b=%20')
    assert.equal((await seen('/v1')).url, '/')
    assert.equal((await seen('/v1?x')).url, '/?x')
    assert.equal((await seen('/v1/special/x')).url, '/v1/special/x')
    assert.equal((await ask('/%761/a')).status, 400)
    const line = await rig.logged(({ service }) => service === 'tcp/two')
    assert.deepEqual([line.route, line.path], ['*/v1/special/*', '/v1/special/x'])
  })

  it('answer 404 where there is none, and 405 for a method that is not its own', async () => {
    const missing = await ask('/nowhere')
    const { error } = (await missing.json()) as { error: { code: string } }
    assert.deepEqual([missing.status, error.code], [404, 'NotFound'])
    const wrong = await ask('/v1/x', { method: 'DELETE' })
    assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, POST'])
  })

  it('let in who has a token, tell its claims, and believe no client that tells them itself', async () => {
    const authorization = `Bearer ${await provider.token()}`
    const { headers } = await seen('/mine', {
      headers: { authorization, 'x-team': 'red', 'x-none': 'forged' },
    })
    assert.deepEqual(
      [headers['x-user'], headers['x-team'], headers['x-none'], headers.authorization],
      ['worker', 'blue', undefined, undefined],
    )
    assert.equal((await rig.logged(({ subject }) => subject === 'worker')).route, '*/mine')
  })

  const bad: [what: string, token: () => Promise<string>][] = [
    ['none', async () => ''],
    ['Basic', async () => 'Basic eDp5'],
    ['garbage', async () => 'Bearer a.b.c'],
    ['an unsigned token', async () => `Bearer ${unsigned()}`],
    [
      'a token for another audience',
      async () => `Bearer ${await provider.token({ audience: 'https://other.example' })}`,
    ],
    ['a changed token', async () => `Bearer ${(await provider.token()).replace(/.{9}$/, 'AAAAAAAAA')}`],
  ]
  for (const [what, token] of bad) {
    it(`refuse with 401: ${what}`, async () => {
      const authorization = await token()
      const response = await ask('/mine', authorization === '' ? {} : { headers: { authorization } })
      assert.deepEqual([response.status, response.headers.get('www-authenticate')], [401, 'Bearer'])
      assert.equal(((await response.json()) as { error: { code: string } }).error.code, 'Unauthenticated')
    })
  }

  it('refuse with 403 who lacks a scope', async () => {
    const response = await ask('/admin', { headers: { authorization: `Bearer ${await provider.token()}` } })
    assert.equal(response.status, 403)
  })

  it('answer 503 while the keys of the issuer cannot be had', async () => {
    const response = await ask('/broken', { headers: { authorization: `Bearer ${await provider.token()}` } })
    assert.deepEqual([response.status, response.headers.get('retry-after')], [503, '5'])
  })

  it('pass no TRACE on', async () => {
    const request = http.request({ port: rig.port, host: '127.0.0.1', path: '/v1/x', method: 'TRACE' }).end()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    assert.equal(response.statusCode, 501)
    response.resume()
  })

  it('ask for the keys of the issuer once', async () => {
    const headers = { authorization: `Bearer ${await provider.token()}` }
    assert.equal((await ask('/mine', { headers })).status, 200)
    const count = provider.jwksRequestCount
    for (let i = 0; i < 5; i += 1) assert.equal((await ask('/mine', { headers })).status, 200)
    assert.equal(provider.jwksRequestCount, count)
  })

  it('answer 429 over their rate, by address, and let in again', async () => {
    const statuses = async () => [
      (await ask('/slow')).status,
      (await ask('/slow')).status,
      (await ask('/slow')).status,
    ]
    assert.deepEqual(await statuses(), [200, 200, 429])
    const limited = await ask('/slow')
    assert.equal(limited.headers.get('retry-after'), '2')
    assert.equal(((await limited.json()) as { error: { code: string } }).error.code, 'ResourceExhausted')
    // Somebody else, as a trusted proxy tells; what stands before that anybody could have written.
    assert.equal((await ask('/slow', { headers: { 'x-forwarded-for': '1.1.1.1, 9.9.9.9' } })).status, 200)
    nowMs += 2_000
    assert.deepEqual(await statuses(), [200, 429, 429])
  })

  it('answer 429 over their rate, by subject', async () => {
    const headers = { authorization: `Bearer ${await provider.token()}` }
    assert.equal((await ask('/own', { headers })).status, 200)
    assert.equal((await ask('/own', { headers })).status, 429)
    nowMs += 1_000
    assert.equal((await seen('/own', { headers })).headers.authorization, headers.authorization)
  })

  it('tell the chain of trusted proxies', async () => {
    const { headers } = await seen('/changed', {
      headers: { 'x-forwarded-for': '6.6.6.6, 9.9.9.9, 127.0.0.9' },
    })
    assert.equal(headers['x-forwarded-for'], '9.9.9.9, 127.0.0.9, 127.0.0.1')
    assert.match(headers.forwarded ?? '', /^for=9\.9\.9\.9;/)
  })

  it('change headers', async () => {
    const response = await ask('/changed', { headers: { 'x-mine': '1', 'x-added': 'no' } })
    const { headers } = (await response.json()) as { headers: Record<string, string> }
    assert.deepEqual([headers['x-added'], headers['x-mine']], ['yes', undefined])
    assert.equal(response.headers.get('server'), null)
    assert.equal(response.headers.get('strict-transport-security'), 'max-age=1')
  })

  it('answer what browsers ask before requests of other origins', async () => {
    const preflight = (origin: string) =>
      ask('/cors', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } })
    const good = await preflight('https://page.example')
    assert.deepEqual(
      [
        good.status,
        good.headers.get('access-control-allow-origin'),
        good.headers.get('access-control-allow-methods'),
      ],
      [204, 'https://page.example', 'GET, PUT'],
    )
    assert.equal((await preflight('https://evil.example')).headers.get('access-control-allow-origin'), null)
    const answer = await ask('/cors', { headers: { origin: 'https://page.example' } })
    assert.deepEqual(
      [
        answer.headers.get('access-control-allow-credentials'),
        answer.headers.get('access-control-expose-headers'),
      ],
      ['true', 'x-b'],
    )
  })

  it('redirect to https where a listener says so', async () => {
    const { port } = rig.gateway.addresses[1] ?? {}
    const response = await fetch(`http://127.0.0.1:${port}/a?b`, { method: 'POST', redirect: 'manual' })
    assert.deepEqual([response.status, response.headers.get('location')], [308, 'https://127.0.0.1/a?b'])
  })
})

function unsigned(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: 'root', exp: 4e9 })}.x`
}
