import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type RequestListener } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { z } from 'zod'
import { sendRaw, serveOnLoopback } from '../../testing/gateway-rig.ts'
import { HOSTILE_HOST, HOSTILE_REQUESTS } from '../../testing/hostile-requests.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createTunnelRig, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { until } from '../../testing/until.ts'
import { makeWebCertificate } from '../../testing/web-certificate.ts'
import type { TunnelLimits } from './limits.ts'
import type { outboundSettingShape } from './messages.ts'

type Route = NonNullable<z.input<typeof outboundSettingShape>['http']>['routes'][number]

async function openRig(t: TestContext, route: Route, limits: Partial<TunnelLimits> = {}) {
  const rig = await createTunnelRig(limits)
  t.after(() => rig[Symbol.asyncDispose]())
  await rig.outbound('web', { http: { routes: [route] } })
  const { listens } = await rig.inbound('web', { listens: [{ port: 0 }] })
  return { rig, port: listens[0]?.port ?? 0 }
}

async function serve(t: TestContext, listener: RequestListener): Promise<number> {
  const server = await serveOnLoopback(listener)
  t.after(() => server[Symbol.asyncDispose]())
  return server.port
}

/** Resolves when it is closed, also by a reset. */
function closeOf(socket: net.Socket): Promise<unknown> {
  return new Promise(resolve => socket.once('close', resolve))
}

async function lastError(rig: TunnelRig): Promise<string | undefined> {
  return (await rig.showOutbound('web')).http?.routes[0]?.targets[0]?.lastError
}

test('requests that two programs could read differently reach no target', async t => {
  const reached: string[] = []
  const target = await serve(t, (request, response) => {
    reached.push(`${request.method} ${request.url}`)
    request.resume().on('end', () => response.end('ok'))
  })
  const { port } = await openRig(t, { host: HOSTILE_HOST, targets: [String(target)] }, { requestHeadMs: 500 })
  const follow = `GET /smuggled HTTP/1.1\r\nHost: ${HOSTILE_HOST}\r\nConnection: close\r\n\r\n`
  await Promise.all(
    HOSTILE_REQUESTS.map(async ([what, raw, status = 400]) => {
      const answer = await sendRaw(port, Buffer.from(raw + follow, 'latin1'))
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code))
      // What begins as HTTP/2 is answered in its own words.
      assert.deepEqual(statuses, raw.startsWith('PRI ') ? [] : [status], `${what}: ${answer}`)
    }),
  )
  assert.deepEqual(
    reached.filter(line => line.includes('smuggled')),
    [],
  )
})

test('a request that is cut at any byte, or comes byte by byte, is one request or none', async t => {
  const reached: string[] = []
  const target = await serve(t, async (request, response) => {
    let body = ''
    try {
      for await (const chunk of request) body += String(chunk)
    } catch {
      body = 'cut'
    }
    reached.push(body)
    response.end('ok')
  })
  const { port } = await openRig(t, { targets: [String(target)] })
  const text = 'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'
  const ask = async (parts: readonly string[]) => {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {})
    let answer = ''
    socket.on('data', chunk => {
      answer += String(chunk)
    })
    for (const part of parts) {
      socket.write(part)
      await new Promise(resolve => setImmediate(resolve))
    }
    if (parts.join('') !== text) socket.end()
    await closeOf(socket)
    return answer
  }
  assert.match(await ask([...text]), /^HTTP\/1\.1 200 .*ok$/s)
  const answers = await Promise.all(Array.from(text, (_, length) => ask([text.slice(0, length)])))
  assert.deepEqual(
    answers.filter(answer => answer.includes('200')),
    [],
  )
  assert.deepEqual(
    reached.filter(body => body !== 'cut'),
    ['hello'],
  )
})

test('heads that are dripped are given up, too long ones refused, and so are bodies over the limit', async t => {
  const target = await serve(t, (request, response) => request.resume().on('end', () => response.end('ok')))
  const { port } = await openRig(
    t,
    { targets: [String(target)], maxBodyBytes: 1_000 },
    { requestHeadMs: 300 },
  )
  for (const first of ['G', 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ']) {
    const socket = net.connect({ port, host: '127.0.0.1' })
    socket.on('error', () => {}).resume()
    const drip = setInterval(() => socket.write('E'), 50)
    socket.write(first)
    await closeOf(socket)
    clearInterval(drip)
  }
  const silent = net.connect({ port, host: '127.0.0.1' })
  silent.on('error', () => {}).resume()
  await closeOf(silent)
  const head = `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`
  assert.match(await sendRaw(port, `${head}X: ${'x'.repeat(40_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
  assert.match(await sendRaw(port, `${head}${'X: y\r\n'.repeat(101)}\r\n`), /^HTTP\/1\.1 413 /)
  const url = `http://127.0.0.1:${port}/`
  assert.equal((await fetch(url, { method: 'POST', body: 'x'.repeat(1_001) })).status, 413)
  const chunked = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 10; i += 1) controller.enqueue(Buffer.alloc(600))
      controller.close()
    },
  })
  const answer = await fetch(url, { method: 'POST', body: chunked, duplex: 'half' }).catch(() => undefined)
  assert.ok(answer === undefined || answer.status === 413)
  assert.equal((await fetch(url, { method: 'POST', body: 'x'.repeat(1_000) })).status, 200)
})

test('a target whose certificate is not the one that is wanted gets no request', async t => {
  const [good, other] = [
    await makeWebCertificate(['app.internal']),
    await makeWebCertificate(['app.internal']),
  ]
  let reachedCount = 0
  const server = https.createServer({ cert: good.certificatePem, key: good.keyPem }, (_, response) => {
    reachedCount += 1
    response.end('ok')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close().closeAllConnections())
  const targets = [`https://127.0.0.1:${(server.address() as AddressInfo).port}`]
  const { rig, port } = await openRig(t, { targets })
  const ask = async (tls: Route['tls']) => {
    await rig.outbound('web', { http: { routes: [{ targets, ...(tls && { tls }) }] } })
    return (await fetch(`http://127.0.0.1:${port}/`)).status
  }
  assert.equal(await ask(undefined), 502)
  assert.match((await lastError(rig)) ?? '', /certificate is signed by itself/)
  assert.equal(await ask({ caPem: other.certificatePem, serverName: 'app.internal' }), 502)
  assert.equal(await ask({ caPem: good.certificatePem }), 502)
  assert.match((await lastError(rig)) ?? '', /certificate is for another name/)
  assert.equal(await ask({ caPem: good.certificatePem, serverName: 'other.internal' }), 502)
  assert.equal(reachedCount, 0)
  assert.equal(await ask({ caPem: good.certificatePem, serverName: 'app.internal' }), 200)
  assert.equal(await ask({ dangerAnyCertificate: true }), 200)
})

test('a target that answers nonsense, too much, too late or half breaks that answer alone', async t => {
  const answers: Record<string, (socket: net.Socket) => void> = {
    '/nonsense': socket => socket.end('SSH-2.0-x\r\n'),
    '/headers': socket => socket.end(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`),
    '/split': socket => socket.end('HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n'),
    '/half': socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf'),
    '/late': () => {},
    '/gone': socket => socket.destroy(),
    '/good': socket => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  }
  const server = net.createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', chunk => {
      const [, path = ''] = String(chunk).split(' ')
      answers[path]?.(socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { port } = await openRig(t, {
    targets: [String((server.address() as AddressInfo).port)],
    timeouts: { firstByteMs: 300 },
  })
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return [response.status, await response.text().catch(() => 'broken')]
  }
  const status = async (path: string) => (await ask(path))[0]
  assert.equal(await status('/nonsense'), 502)
  assert.equal(await status('/headers'), 502)
  assert.equal(await status('/split'), 502)
  assert.equal(await status('/gone'), 502)
  assert.equal(await status('/late'), 504)
  assert.deepEqual(await ask('/half'), [200, 'broken'])
  assert.deepEqual(await ask('/good'), [200, 'ok'])
})

test('HTTP/2 of callers and of targets, with trailers, and without what callers may not say', async t => {
  const server = http2.createServer()
  server.on('stream', (stream, headers) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', seen: JSON.stringify(headers) },
      { waitForTrailers: true },
    )
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.pipe(stream)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const { rig, port } = await openRig(t, {
    targets: [`h2c://127.0.0.1:${(server.address() as AddressInfo).port}`],
  })
  const session = http2.connect(`http://127.0.0.1:${port}`)
  t.after(() => session.close())
  const ask = async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/x.Y/Z',
      te: 'trailers',
      'ztm-identity': 'forged',
      ztm_user: 'x',
    })
    let trailers: http2.IncomingHttpHeaders = {}
    stream.on('trailers', headers => {
      trailers = headers
    })
    stream.end('hello')
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    const body = Buffer.concat(await stream.toArray()).toString()
    return { headers, body, trailers }
  }
  const all = await Promise.all(Array.from({ length: 20 }, ask))
  for (const { headers, body, trailers } of all) {
    assert.deepEqual([headers[':status'], body, trailers['grpc-status']], [200, 'hello', '0'])
    const seen = JSON.parse(String(headers.seen)) as Record<string, string>
    assert.deepEqual([seen.te, seen.ztm_user, seen[':path']], ['trailers', undefined, '/x.Y/Z'])
    assert.ok((seen['ztm-identity']?.length ?? 0) > 200)
  }
  assert.equal((await rig.showOutbound('web')).http?.routes[0]?.targets[0]?.requestCount, 0)
})

test('targets may be unix sockets, and HTTP/2 inside TLS that is checked', async t => {
  const folder = makeScratchFolder()
  t.after(() => folder[Symbol.dispose]())
  const plain = http.createServer((request, response) =>
    response.end(`unix ${request.url} ${request.headers.host}`),
  )
  const path = folder.file('app.sock')
  plain.listen(path)
  await once(plain, 'listening')
  const certificate = await makeWebCertificate(['app.internal'])
  const secure = http2.createSecureServer({ cert: certificate.certificatePem, key: certificate.keyPem })
  secure.on('request', (request, response) => response.end(`h2 ${request.url} ${request.httpVersion}`))
  secure.listen(0, '127.0.0.1')
  await once(secure, 'listening')
  t.after(() => {
    plain.close().closeAllConnections()
    secure.close()
  })
  const { rig, port } = await openRig(t, { targets: [`unix:${path}`] })
  const ask = async () => await (await fetch(`http://127.0.0.1:${port}/a`)).text()
  assert.equal(await ask(), `unix /a 127.0.0.1:${port}`)
  const targets = [`h2://127.0.0.1:${(secure.address() as AddressInfo).port}`]
  const tls = { caPem: certificate.certificatePem, serverName: 'app.internal' }
  await rig.outbound('web', { http: { routes: [{ targets, tls }] } })
  assert.equal(await ask(), 'h2 /a 2.0')
  await rig.outbound('web', { http: { routes: [{ targets, tls: { ...tls, serverName: 'other' } }] } })
  assert.match(await ask(), /cannot be reached/)
})

test('only forwarders are believed when they tell whom they ask for', async t => {
  const target = await serve(t, (request, response) => response.end(JSON.stringify(request.headers)))
  const { rig, port } = await openRig(t, { targets: [String(target)] })
  const told = {
    'x-forwarded-for': '9.9.9.9, 10.0.0.1',
    'x-forwarded-proto': 'https',
    x_forwarded_for: '6.6.6.6',
    forwarded: 'for=6.6.6.6',
    'x-real-ip': '6.6.6.6',
  }
  const ask = async () =>
    (await (await fetch(`http://127.0.0.1:${port}/`, { headers: told })).json()) as Record<string, string>
  const shown = (headers: Record<string, string>) =>
    ['x-forwarded-for', 'x-forwarded-proto', 'forwarded', 'x_forwarded_for', 'x-real-ip'].map(
      name => headers[name],
    )
  const host = `127.0.0.1:${port}`
  assert.deepEqual(shown(await ask()), [
    undefined,
    'http',
    `for=unknown;host="${host}";proto=http`,
    undefined,
    undefined,
  ])
  await rig.outbound('web', { http: { routes: [{ targets: [String(target)] }], forwarders: ['root'] } })
  assert.deepEqual(shown(await ask()), [
    '9.9.9.9, 10.0.0.1',
    'https',
    `for=9.9.9.9;host="${host}";proto=https`,
    undefined,
    undefined,
  ])
})

test('a stream without a request ends, one that waits for an answer does not', async t => {
  const held: http.ServerResponse[] = []
  const target = await serve(t, (request, response) => {
    if (request.url === '/slow') held.push(response)
    else response.end('ok')
  })
  const { port } = await openRig(t, { targets: [String(target)] }, { requestIdleMs: 200 })
  const socket = net.connect({ port, host: '127.0.0.1' })
  let answer = ''
  socket
    .on('error', () => {})
    .on('data', chunk => {
      answer += String(chunk)
    })
  const head = 'HTTP/1.1\r\nHost: x\r\n\r\n'
  // The first is answered while the second is under way.
  socket.write(`GET /quick ${head}GET /slow ${head}`)
  await until(() => answer.endsWith('ok') && held.length === 1, 'the first is answered')
  const silent = net.connect({ port, host: '127.0.0.1' })
  silent.on('error', () => {}).resume()
  silent.write(`GET /quick ${head}`)
  await closeOf(silent)
  assert.equal(socket.readyState, 'open')
  held[0]?.end('late')
  await closeOf(socket)
  assert.match(answer, /late$/)
})
