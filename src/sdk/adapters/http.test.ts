import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { createSdkLab, type SdkLab } from '../../testing/sdk-lab.ts'

async function pair(lab: SdkLab, service: string) {
  await lab.service(service)
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  return { host, guest }
}

test('an HTTP server serves a service without a port, to fetch and to node:http', async () => {
  await using lab = await createSdkLab()
  const { host, guest } = await pair(lab, 'web')
  const seen: string[] = []
  const server = http.createServer(async (request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.host}`)
    response.setHeader('x-bytes', String((await text(request)).length))
    response.end(`hello ${request.url}`)
  })
  await host.server(server, 'web')

  const fetched = await guest.fetch('http://web.ztm/a?b=c')
  assert.deepEqual([fetched.status, await fetched.text()], [200, 'hello /a?b=c'])
  const posted = await guest.fetch('http://web/post', { method: 'POST', body: 'x'.repeat(300_000) })
  assert.equal(posted.headers.get('x-bytes'), '300000')
  assert.equal(await posted.text(), 'hello /post')

  const agent = guest.agent()
  for (const path of ['/one', '/two', '/three']) {
    const [response] = await once(http.get(`http://web.ztm${path}`, { agent }), 'response')
    assert.equal(await text(response), `hello ${path}`)
  }
  const fixed = guest.agent({ service: 'web', keepAlive: false })
  const [response] = await once(http.get('http://whatever.example/', { agent: fixed }), 'response')
  assert.equal(await text(response), 'hello /')
  assert.deepEqual(seen.slice(0, 3), ['GET /a?b=c web.ztm', 'POST /post web', 'GET /one web.ztm'])
  agent.destroy()
  server.closeAllConnections()
})

test('a connection that the server ends while it waits for reuse is not used again', async () => {
  await using lab = await createSdkLab()
  const { host, guest } = await pair(lab, 'web')
  const server = http.createServer((_, response) => response.end('hello'))
  const listener = await host.server(server, 'web')
  const agent = guest.agent()
  const [first] = await once(http.get('http://web/', { agent }), 'response')
  assert.equal(await text(first), 'hello')
  assert.equal(listener.connectionCount, 1)
  const [kept = assert.fail('none is kept')] = Object.values(agent.freeSockets).flat()
  // It breaks, which is an error that nobody has to hear.
  const free = new Promise(resolve => kept.once('close', resolve))
  server.closeIdleConnections()
  await free
  const [second] = await once(http.get('http://web/', { agent }), 'response')
  assert.equal(await text(second), 'hello')
  agent.destroy()
  server.closeAllConnections()
})

test('fetch tells of a service that is not there as fetch does', async () => {
  await using lab = await createSdkLab()
  const { guest } = await pair(lab, 'web')
  await assert.rejects(guest.fetch('http://nothing.ztm/'), (error: Error) => {
    assert.equal((error.cause as { reason?: string }).reason, 'service-not-found')
    return error.message === 'fetch failed'
  })
})

test('TLS goes inside: an https server behind a service, by fetch and by agent', async () => {
  await using lab = await createSdkLab()
  const { host, guest } = await pair(lab, 'secure')
  const { chainPem: cert, privateKeyPem: key } = lab.mesh.hubCredential
  const server = https.createServer({ cert, key }, (_, response) => response.end('secret'))
  await host.server(server, 'secure')
  const ca = lab.mesh.authority.rootCertificatePem
  const agent = guest.agent({ tls: true, ca, checkServerIdentity: () => undefined })
  const [response] = await once(https.get('https://secure.ztm/', { agent }), 'response')
  assert.equal(await text(response), 'secret')
  agent.destroy()
  server.closeAllConnections()
})

test('ws: server and client', async () => {
  await using lab = await createSdkLab()
  const { host, guest } = await pair(lab, 'feed')
  const server = http.createServer()
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', socket => socket.on('message', data => socket.send(`echo ${data}`)))
  await host.server(server, 'feed')
  for (const options of [{ agent: guest.agent() }, guest.connector().ws('feed')]) {
    const socket = new WebSocket('ws://feed.ztm/', options as never)
    await once(socket, 'open')
    socket.send('hello')
    assert.equal(String((await once(socket, 'message'))[0]), 'echo hello')
    socket.close()
    await once(socket, 'close')
  }
  sockets.close()
})
