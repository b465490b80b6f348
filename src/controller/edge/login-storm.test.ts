import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createLimitedFetch } from '../../net/limited-fetch.ts'
import { openControllerRig } from '../../testing/controller-rig.ts'
import { codeOf, createEdgeClient, type EdgeAnswered } from '../../testing/edge-client.ts'
import { type OpenIdProvider, PROVIDER_AUDIENCE, startOpenIdProvider } from '../../testing/openid-provider.ts'
import { LOGIN_LIMITS } from './create-logins.ts'

let provider: OpenIdProvider
const limited = createLimitedFetch({ reach: 'computer', timeoutMs: 2_000 })

before(async () => {
  provider = await startOpenIdProvider()
})
after(async () => {
  await provider[Symbol.asyncDispose]()
  await limited[Symbol.asyncDispose]()
})

/** A controller with a worker who may log in by token and by password. */
async function openScene() {
  const rig = await openControllerRig({ fetchJson: limited.json })
  // That of the provider.
  rig.clock.set(Date.now())
  const edge = await createEdgeClient(rig)
  await edge.create('external-jwt-signers', {
    name: 'iam',
    issuer: provider.issuer,
    audience: PROVIDER_AUDIENCE,
    enabled: true,
    useExternalId: true,
  })
  const { identityId, token: session } = await edge.logIn('worker', { externalId: 'worker' })
  const password = { username: 'worker', password: 'correct horse' }
  await edge.manage('POST', '/authenticators', { identityId, method: 'updb', ...password })
  const authorization = `Bearer ${await provider.token()}`
  const byToken = () => edge.ask('POST', '/authenticate?method=ext-jwt', { headers: { authorization } })
  const byPassword = () => edge.ask('POST', '/authenticate?method=password', { body: password })
  const isResponsive = async () => {
    assert.equal((await edge.ask('GET', '/version')).status, 200)
    assert.equal((await edge.ask('GET', '/services', { token: session })).status, 200)
    assert.equal((await edge.manage('GET', '/identities')).status, 200)
  }
  return { rig, byToken, byPassword, isResponsive, [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose]() }
}

/** A thousand at once; others ask all the while. @returns how many got which status, and how often others were answered */
async function storm(logIn: () => Promise<EdgeAnswered>, isResponsive: () => Promise<void>) {
  let isOver = false
  let answeredCount = 0
  const logins = Promise.all(Array.from({ length: 1_000 }, logIn)).finally(() => {
    isOver = true
  })
  while (!isOver) {
    await isResponsive()
    answeredCount++
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  const answers = await logins
  const inCount = answers.filter(({ status }) => status === 200).length
  const refused = answers.filter(({ status }) => status !== 200)
  assert.deepEqual([...new Set(refused.map(codeOf))], ['SERVER_TOO_MANY_REQUESTS'])
  assert.ok(refused.every(({ headers }) => Number(headers.get('retry-after')) >= 1))
  return { inCount, answeredCount }
}

test('a thousand logins by token at once: some get in, the others are told when to come back, all else goes on', async () => {
  await using scene = await openScene()
  const { byToken, isResponsive } = scene
  const before = provider.jwksRequestCount
  const { inCount, answeredCount } = await storm(byToken, isResponsive)
  const { tokensAtOnce, tokensWaiting } = LOGIN_LIMITS
  assert.equal(inCount, tokensAtOnce + tokensWaiting)
  assert.ok(answeredCount > 1, `${answeredCount} rounds were answered meanwhile`)
  assert.equal(provider.jwksRequestCount - before, 1)
  assert.equal((await byToken()).status, 200, 'it recovers')
})

test('a thousand logins by password at once: two are hashed at a time, all else goes on, tokens too', async () => {
  await using scene = await openScene()
  const { byToken, byPassword, isResponsive } = scene
  const { inCount, answeredCount } = await storm(byPassword, async () => {
    await isResponsive()
    assert.equal((await byToken()).status, 200)
  })
  const { passwordsAtOnce, passwordsWaiting } = LOGIN_LIMITS
  assert.ok(inCount > 0 && inCount <= passwordsAtOnce + passwordsWaiting, `${inCount} got in`)
  assert.ok(answeredCount > 1, `${answeredCount} rounds were answered meanwhile`)
  assert.equal((await byPassword()).status, 200, 'it recovers')
})
