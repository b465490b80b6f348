import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { test } from 'node:test'
import { startOpenIdProvider } from '../testing/openid-provider.ts'
import { createProcessMesh, readText } from '../testing/process-mesh.ts'

/** Log in with a token, over HTTP/1.1. @returns the status, and the session's token or what was wrong */
async function logIn(address: string, ca: string, token: string) {
  const request = https.request(`https://${address}/edge/client/v1/authenticate?method=ext-jwt`, {
    method: 'POST',
    agent: false,
    ca,
    headers: { authorization: `Bearer ${token}` },
  })
  request.end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  response.resume()
  return { status: response.statusCode, challenge: response.headers['www-authenticate'] }
}

test('a hub that is told of an issuer and its people takes its tokens, where it may ask for their keys', async () => {
  await using provider = await startOpenIdProvider()
  await using mesh = await createProcessMesh()
  const hub = await mesh.startHub({ args: ['--issuer-reach', 'computer'] })
  await mesh.join('home')
  const audience = 'https://ztm.example/controller'
  await mesh.run('home', 'create', 'signer', 'iam', '--issuer', provider.issuer, '--audience', audience)
  await mesh.run('home', 'create', 'identity', 'worker', '--external-id', 'worker')
  const { ca } = JSON.parse(await readText(mesh.permit)) as { ca: string }
  const token = await provider.token({ audience })
  assert.equal((await logIn(hub.address, ca, token)).status, 200)

  // Without leave it asks no address of its own computer.
  await hub.stop()
  await mesh.startHub()
  const { status, challenge } = await logIn(hub.address, ca, token)
  assert.equal(status, 401)
  assert.match(challenge ?? '', /error="invalid"/)
  const log = await mesh.run('home', 'log', 'hub', '-o', 'json')
  assert.match(log, /"keys-unavailable"/)
})
