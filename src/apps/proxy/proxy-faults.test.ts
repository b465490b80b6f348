import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connectTcp } from '../../net/host-sockets.ts'
import { curl, openProxyRig, openWeb, refOf } from '../../testing/proxy-rig.ts'
import { until } from '../../testing/until.ts'
import { PROXY_API } from './messages.ts'
import { proxyApp } from './proxy.ts'

test('of several exits the one with the best path is asked first, whatever their order', async t => {
  const web = await openWeb(t)
  const { mesh, change, port, entryEndpoint, exitEndpoint } = await openProxyRig(t)
  const spare = mesh.addEndpoint('spare')
  const spareApp = await spare.start(proxyApp)
  const body = { exit: { opens: ['localhost'] } } as never
  await spareApp.call(PROXY_API.changeConfig, { params: { endpoint: 'spare' }, body })
  const exits = [refOf(exitEndpoint), refOf(spare)]
  const askedFirst = async () => {
    entryEndpoint.dials.length = 0
    assert.equal((await curl('-x', `http://127.0.0.1:${port}`, `http://localhost:${web}/`)).code, 0)
    return entryEndpoint.dials.map(({ options }) => options.exits?.[0])
  }
  const [far, other] = [exitEndpoint.identity.endpoint, spare.identity.endpoint]
  for (const rules of [[{ targets: ['*'], ports: '*', clients: [], action: 'exit' as const, exits }], []]) {
    await change({ rules })
    mesh.timers.advance(30_000)
    // With no rule it is one's own exits; who they are is asked for beside the first connection.
    await askedFirst()
    for (const [pathFar, pathOther, expected] of [
      [{ kind: 'relay', roundTripMs: 5 }, { kind: 'direct', roundTripMs: 50 }, other],
      [{ kind: 'relay', roundTripMs: 5 }, { kind: 'relay', roundTripMs: 50 }, far],
      [{ kind: 'relay', roundTripMs: 50 }, { kind: 'relay', roundTripMs: 5 }, other],
      [{ kind: 'relay-h2' }, undefined, far],
      [undefined, { kind: 'punched' }, other],
    ] as const) {
      for (const [id, path] of [
        [far, pathFar],
        [other, pathOther],
      ] as const) {
        if (path === undefined) entryEndpoint.pathsTo.delete(id)
        else entryEndpoint.pathsTo.set(id, path)
      }
      assert.deepEqual(await askedFirst(), [expected])
    }
  }
  spare.isOnline = false
  entryEndpoint.pathsTo.clear()
  entryEndpoint.pathsTo.set(other, { kind: 'direct' })
  assert.deepEqual(await askedFirst(), [other, far])
})

test('an exit that cannot reach the target leaves it to the next of one’s own', async t => {
  const web = await openWeb(t)
  const { mesh, port, exitEndpoint, entryEndpoint } = await openProxyRig(t)
  const spare = mesh.addEndpoint('spare')
  const spareApp = await spare.start(proxyApp)
  const body = { exit: { opens: ['localhost'] } } as never
  await spareApp.call(PROXY_API.changeConfig, { params: { endpoint: 'spare' }, body })
  const url = `http://localhost:${web}/`
  assert.equal((await curl('-x', `http://127.0.0.1:${port}`, url)).code, 0)
  exitEndpoint.isOnline = false
  entryEndpoint.pathsTo.set(exitEndpoint.identity.endpoint, { kind: 'direct' })
  assert.equal((await curl('-x', `http://127.0.0.1:${port}`, url)).code, 0)
})

test('requests of SOCKS and HTTP that are cut at any byte reach nobody, and take nothing with them', async t => {
  const web = await openWeb(t)
  const { port, entry } = await openProxyRig(t)
  const name = Buffer.from('localhost')
  const socks = Buffer.concat([
    Buffer.from([5, 1, 0, 5, 1, 0, 3, name.length]),
    name,
    Buffer.from([web >> 8, web & 0xff]),
  ])
  const http1 = Buffer.from(`GET http://localhost:${web}/cut HTTP/1.1\r\nHost: localhost:${web}\r\n\r\n`)
  const connect = Buffer.from(`CONNECT localhost:${web} HTTP/1.1\r\nHost: localhost:${web}\r\n\r\n`)
  const cut = async (bytes: Uint8Array) => {
    const client = await connectTcp({ kind: 'address', host: '127.0.0.1', port }, { timeoutMs: 5_000 })
    client.end(bytes)
    const chunks: Buffer[] = []
    client.on('data', chunk => chunks.push(chunk))
    await new Promise(resolve => client.once('close', resolve))
    return Buffer.concat(chunks)
  }
  for (const [whole, sign] of [
    [socks, Buffer.from([5, 0, 5, 0])],
    [http1, Buffer.from('HTTP/1.1 200 OK')],
    [connect, Buffer.from('HTTP/1.1 200')],
  ] as const) {
    const cuts = Array.from(whole, (_, length) => whole.subarray(0, length))
    const answers = await Promise.all(cuts.map(cut))
    assert.deepEqual(
      answers.filter(answer => answer.includes(sign)),
      [],
    )
    assert.ok((await cut(whole)).includes(sign))
  }
  const params = { endpoint: 'near' }
  await until(
    async () => (await entry.call(PROXY_API.showConfig, { params })).connectionCount === 0,
    'all connections have ended',
  )
})

test('what two readers could take for two requests goes nowhere, and heads are not too long', async t => {
  const seen: string[] = []
  const server = http.createServer((request, response) => {
    seen.push(`${request.method} ${request.url}`)
    request.resume()
    response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const { port: web } = server.address() as AddressInfo
  const { port } = await openProxyRig(t)
  const say = async (text: string) => {
    const client = await connectTcp({ kind: 'address', host: '127.0.0.1', port }, { timeoutMs: 5_000 })
    client.on('end', () => client.end()).on('error', () => {})
    client.write(Buffer.from(text, 'latin1'))
    const chunks: Buffer[] = []
    client.on('data', chunk => chunks.push(chunk))
    await new Promise(resolve => client.once('close', resolve))
    return Buffer.concat(chunks).toString('latin1')
  }
  const host = `Host: localhost:${web}\r\n`
  const post = `POST http://localhost:${web}/ HTTP/1.1\r\n${host}`
  const next = `GET http://localhost:${web}/smuggled HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
  for (const bad of [
    `${post}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `${post}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde`,
    `${post}Content-Length: +4\r\n\r\nabcd`,
    `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
    `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
    `${post}X-A: b\r\n Content-Length: 4\r\n\r\nabcd`,
    `${post}X: a\0b\r\n\r\n`,
    `${post}X: ${'x'.repeat(40_000)}\r\n\r\n`,
    `GET http://localhost:${web}/\nHost: x\n\n`,
  ]) {
    const [status = ''] = /^HTTP\/1\.1 (\d{3})/.exec(await say(bad + next)) ?? []
    assert.match(status, /^HTTP\/1\.1 (400|431|501)$/, bad.slice(0, 120))
  }
  assert.deepEqual(seen, [])
  // One request a connection: what comes behind it goes nowhere.
  await say(`${post}Content-Length: 4\r\n\r\nabcd${next}`)
  assert.deepEqual(seen, ['POST /'])
})
