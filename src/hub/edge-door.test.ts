import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import https from 'node:https'
import { test } from 'node:test'
import type { EdgeCaller } from '../core/api/controller.ts'
import { parseAddress } from '../core/model/address.ts'
import { parseIdentityId } from '../core/model/ids.ts'
import { MAX_STRANGER_STREAMS } from '../net/http2-settings.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { openTls } from '../testing/stranger.ts'
import { until } from '../testing/until.ts'

interface Heard {
  readonly request: Request
  readonly caller: EdgeCaller
  readonly body: string
}

/** A mesh whose controller answers the Edge APIs with what it was sent; `zt-session: good` is known. */
async function openDoor(heard: Heard[] = []): Promise<LocalMesh> {
  return await createLocalMesh({
    portLimits: { strangerTimeoutMs: 1_000 },
    corrupt: controller => ({
      ...controller,
      async edge(request, caller) {
        heard.push({ request, caller, body: await request.text() })
        const headers = { 'zt-session': 'given', 'content-type': 'application/json' }
        const isKnown = request.headers.get('zt-session') === 'good'
        return { response: new Response('{"data":{}}', { status: 201, headers }), isKnown }
      },
    }),
  })
}

const secureOptions = ({ address, authority }: LocalMesh) => ({
  ...parseAddress(address),
  ca: authority.rootCertificatePem,
})

/** One request over HTTP/1.1. */
async function ask(mesh: LocalMesh, path: string, options: https.RequestOptions = {}, body = '') {
  const request = https.request({ ...secureOptions(mesh), path, agent: false, ...options })
  request.end(body)
  const [response] = (await once(request, 'response')) as [import('node:http').IncomingMessage]
  let text = ''
  for await (const chunk of response) text += String(chunk)
  return { status: response.statusCode, headers: response.headers, text }
}

test('hub passes Edge requests over HTTP/1.1 on, whole, and nothing else', async () => {
  const heard: Heard[] = []
  await using mesh = await openDoor(heard)
  const headers = { 'zt-session': 'mine', authorization: 'Bearer x' }
  const options = { method: 'POST', headers }
  const answer = await ask(mesh, '/edge/client/v1/authenticate?method=password', options, '{"a":1}')
  assert.deepEqual([answer.status, answer.headers['zt-session'], answer.text], [201, 'given', '{"data":{}}'])
  const [{ request, caller, body }] = heard as [Heard]
  assert.equal(
    new URL(request.url).pathname + new URL(request.url).search,
    '/edge/client/v1/authenticate?method=password',
  )
  assert.deepEqual(
    [request.method, request.headers.get('zt-session'), request.headers.get('authorization'), body],
    ['POST', 'mine', 'Bearer x', '{"a":1}'],
  )
  assert.equal(caller.identity, undefined)
  assert.match(caller.address, /^127\.0\.0\.1:\d+$/)
  assert.equal((await ask(mesh, '/.well-known/est/cacerts')).status, 201)
  const elsewhere = await ask(mesh, '/api/root')
  assert.deepEqual([elsewhere.status, JSON.parse(elsewhere.text).code], [404, 'not-found'])
  assert.equal(heard.length, 2)
})

test('hub tells the controller whose certificate an Edge request came with', async () => {
  const heard: Heard[] = []
  await using mesh = await openDoor(heard)
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const id = parseIdentityId('0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11')
  const identity = { kind: 'identity', mesh: mesh.authority.mesh, identity: id } as const
  const { chainPem } = await mesh.authority.issue({ identity, publicKeyPem, validMs: 60_000 }, Date.now())
  const shown = { cert: chainPem, key: privateKeyPem }
  assert.equal((await ask(mesh, '/edge/client/v1/version', shown)).status, 201)
  const session = http2.connect(`https://${mesh.address}`, { ...secureOptions(mesh), ...shown })
  const stream = session.request({ ':path': '/edge/client/v1/version', 'zt-session': 'mine' })
  const [headers] = await once(stream.resume(), 'response')
  assert.deepEqual([headers[':status'], headers['zt-session']], [201, 'given'])
  session.destroy()
  assert.deepEqual(
    heard.map(({ caller, request }) => [caller.identity, request.headers.get('zt-session')]),
    [
      [identity, null],
      [identity, 'mine'],
    ],
  )
})

test('hub keeps connections of those whom the controller knows, and ends those of strangers', async () => {
  await using mesh = await openDoor()
  const get = (session: string) => `GET /edge/x HTTP/1.1\r\nhost: a\r\nzt-session: ${session}\r\n\r\n`
  const known = await openTls(mesh.address, { ALPNProtocols: ['http/1.1'] })
  known.write(get('good'))
  await once(known, 'data')
  await until(() => mesh.hub.describe().strangerCount === 0, 'it is no stranger')
  const stranger = await openTls(mesh.address, { ALPNProtocols: ['http/1.1'] })
  stranger.resume().write(get('bad'))
  await once(stranger, 'close').catch(() => {})
  known.write(get('good'))
  const [again] = await once(known, 'data')
  assert.match(String(again), /^HTTP\/1\.1 201 /)
  known.destroy()
})

test('hub lets a known program ask more often than a stranger', async () => {
  await using mesh = await openDoor()
  const session = http2.connect(`https://${mesh.address}`, secureOptions(mesh))
  for (let count = 0; count < MAX_STRANGER_STREAMS + 5; count++) {
    const stream = session.request({ ':path': '/edge/client/v1/services', 'zt-session': 'good' })
    const [headers] = await once(stream.resume(), 'response')
    assert.equal(headers[':status'], 201)
    await once(stream, 'close')
  }
  session.destroy()
})

test('hub cuts off whoever is slow with the headers of an Edge request', async () => {
  await using mesh = await openDoor()
  const slow = await openTls(mesh.address, { ALPNProtocols: ['http/1.1'] })
  slow.resume().write('GET /edge/x HTTP/1.1\r\nhos')
  await once(slow, 'close').catch(() => {})
  assert.equal(slow.destroyed, true)
})
