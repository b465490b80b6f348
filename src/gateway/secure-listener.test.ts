import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import tls from 'node:tls'
import { promisify } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import { type GatewayRig, type RigServer, serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { makeScratchFolder, type ScratchFolder } from '../testing/scratch-folder.ts'
import { until } from '../testing/until.ts'
import { makeWebCertificate, type WebCertificate } from '../testing/web-certificate.ts'

const run = promisify(execFile)

describe('a listener for https', () => {
  let folder: ScratchFolder
  let app: RigServer
  let inner: https.Server
  let innerCertificate: WebCertificate
  let certificate: WebCertificate
  let rig: GatewayRig
  let written = 0

  before(async () => {
    folder = makeScratchFolder()
    certificate = await makeWebCertificate(['a.example', '*.b.example'])
    innerCertificate = await makeWebCertificate(['db.example'])
    writeFileSync(folder.file('c.pem'), certificate.certificatePem)
    writeFileSync(folder.file('c.key'), certificate.keyPem)
    app = await serveOnLoopback((request, response) => {
      response.setHeader('x-seen', JSON.stringify(request.headers))
      if (request.url === '/trailer') {
        response.writeHead(200, { trailer: 'x-sum' })
        response.write('body')
        response.addTrailers({ 'x-sum': '42' })
        response.end()
      } else if (request.url === '/endless') {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536
          response.once('drain', more)
        }
        more()
      } else if (request.url === '/break') response.write('x', () => response.destroy())
      else request.pipe(response)
    })
    const sockets = new WebSocketServer({
      server: app.server,
      handleProtocols: names => [...names][0] ?? false,
    })
    sockets.on('connection', socket =>
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
    )
    inner = https.createServer(
      { cert: innerCertificate.certificatePem, key: innerCertificate.keyPem },
      (_, response) => response.end('sealed'),
    )
    await new Promise<void>(resolve => inner.listen(0, '127.0.0.1', resolve))
    rig = await startGatewayRig(
      `
listeners: [{ kind: https, listen: '127.0.0.1:0', passthrough: { db.example: db } }]
certificates: [{ certificate: ${folder.file('c.pem')}, key: ${folder.file('c.key')} }]
routes: [{ service: app }]
`,
      { 'tcp/app': app.port, 'tcp/db': (inner.address() as AddressInfo).port },
      { watchMs: 20 },
    )
  })
  after(async () => {
    await rig[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
    inner.closeAllConnections()
    inner.close()
    folder[Symbol.dispose]()
  })

  async function openHttp2(): Promise<http2.ClientHttp2Session> {
    const session = http2.connect(`https://127.0.0.1:${rig.port}`, {
      ca: certificate.certificatePem,
      servername: 'a.example',
    })
    await once(session, 'connect')
    return session
  }

  function ask(session: http2.ClientHttp2Session, headers: http2.OutgoingHttpHeaders, body?: string) {
    const stream = session.request(
      { ':authority': 'a.example', ...headers },
      { endStream: body === undefined },
    )
    if (body !== undefined) stream.end(body)
    stream.setEncoding('utf8')
    return stream
  }

  it('speaks HTTP/2 and HTTP/1.1 with curl', async () => {
    const at = `https://x.b.example:${rig.port}/hello`
    const flags = ['-sS', '--cacert', folder.file('c.pem'), '--resolve', `x.b.example:${rig.port}:127.0.0.1`]
    for (const [version, expected] of [
      ['--http2', '2 200 hi'],
      ['--http1.1', '1.1 200 hi'],
    ] as const) {
      const format = '%{http_version} %{http_code} '
      const { stdout } = await run('curl', [
        ...flags,
        version,
        '-o',
        '-',
        '-d',
        'hi',
        '-w',
        `\n${format}`,
        at,
      ])
      const [body, status] = stdout.split('\n')
      assert.equal(`${status}${body}`, expected)
    }
  })

  it('tells the service of HTTP/2 what it tells of HTTP/1.1, cookies as one', async () => {
    const session = await openHttp2()
    const stream = ask(session, { ':path': '/x?y', cookie: ['a=1', 'b=2'], 'x-forwarded-for': '6.6.6.6' })
    const [headers] = await once(stream, 'response')
    const seen = JSON.parse(String(headers['x-seen'])) as Record<string, string>
    assert.deepEqual(
      [
        seen.host,
        seen.cookie,
        seen['x-forwarded-proto'],
        seen['x-forwarded-for'],
        seen.via,
        headers[':status'],
      ],
      ['a.example', 'a=1; b=2', 'https', '127.0.0.1', '2.0 ztm', 200],
    )
    stream.resume()
    session.close()
  })

  it('carries bodies of many requests at once over one HTTP/2 connection', async () => {
    const session = await openHttp2()
    const bodies = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(20_000))
    const echoed = await Promise.all(bodies.map(body => text(ask(session, { ':method': 'POST' }, body))))
    assert.deepEqual(echoed, bodies)
    session.close()
  })

  it('passes trailers on to HTTP/2, and resets what breaks', async () => {
    const session = await openHttp2()
    const stream = ask(session, { ':path': '/trailer' })
    const trailers = once(stream, 'trailers')
    assert.equal(await text(stream), 'body')
    assert.equal((await trailers)[0]['x-sum'], '42')
    const broken = ask(session, { ':path': '/break' })
    const [error] = await once(broken, 'error')
    assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
    session.close()
  })

  it('lets a client that does not read stop its service, and others go on', async () => {
    const session = await openHttp2()
    const stalled = ask(session, { ':path': '/endless' })
    await once(stalled, 'response')
    let before = -1
    while (before !== written) {
      before = written
      assert.equal(await text(ask(session, { ':method': 'POST' }, 'still here')), 'still here')
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.ok(written < 50e6, `${written} bytes went into nothing`)
    session.destroy()
  })

  it('carries WebSockets over HTTP/1.1, binary and large', async () => {
    const socket = new WebSocket(`wss://a.example:${rig.port}/ws`, ['chat'], {
      ca: certificate.certificatePem,
      lookup: (_host, options, done) =>
        (options as { all?: boolean }).all
          ? (done as unknown as (e: null, list: object[]) => void)(null, [
              { address: '127.0.0.1', family: 4 },
            ])
          : done(null, '127.0.0.1', 4),
    })
    await once(socket, 'open')
    assert.equal(socket.protocol, 'chat')
    const sent = Buffer.alloc(3_000_000, 7)
    socket.send(sent)
    const [got] = await once(socket, 'message')
    assert.ok(sent.equals(got as Buffer))
    socket.close()
    await once(socket, 'close')
    const line = await rig.logged(({ status }) => status === 101)
    assert.ok(Number(line.bytesIn) > 3_000_000)
  })

  it('carries WebSockets over HTTP/2', async () => {
    const session = await openHttp2()
    const stream = session.request(
      {
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':authority': 'a.example',
        ':scheme': 'https',
        ':path': '/ws',
        'sec-websocket-version': '13',
      },
      { endStream: false },
    )
    const [headers] = await once(stream, 'response')
    assert.equal(headers[':status'], 200)
    // A masked text frame "hi", and the same unmasked as the answer.
    stream.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
    const [frame] = await once(stream, 'data')
    assert.deepEqual([...(frame as Buffer)], [0x81, 2, 0x68, 0x69])
    stream.destroy()
    session.close()
  })

  it('hands connections for passthrough on unopened', async () => {
    const socket = tls.connect({
      port: rig.port,
      host: '127.0.0.1',
      servername: 'db.example',
      ca: innerCertificate.certificatePem,
    })
    await once(socket, 'secureConnect')
    assert.equal(socket.getPeerX509Certificate()?.subject, 'CN=db.example')
    socket.write('GET / HTTP/1.1\r\nhost: db.example\r\nconnection: close\r\n\r\n')
    assert.match(await text(socket), /sealed$/)
  })

  it('refuses names it has no certificate for, and what is no TLS', async () => {
    const socket = tls.connect({ port: rig.port, host: '127.0.0.1', servername: 'evil.example' })
    await assert.rejects(once(socket, 'secureConnect'))
    const plain = await fetch(`http://127.0.0.1:${rig.port}/`).catch(error => String(error.cause?.code))
    assert.equal(plain, 'UND_ERR_SOCKET')
  })

  it('shows a new certificate when its files change, and goes on with the old one when they are broken', async () => {
    const shown = async () => {
      const socket = tls.connect({
        port: rig.port,
        host: '127.0.0.1',
        servername: 'a.example',
        rejectUnauthorized: false,
      })
      await once(socket, 'secureConnect')
      const found = socket.getPeerX509Certificate()?.toString().trim()
      socket.destroy()
      return found
    }
    const session = await openHttp2()
    assert.equal(await shown(), certificate.certificatePem.trim())
    writeFileSync(folder.file('c.key'), 'half a ke')
    await until(
      () => rig.events.some(event => event.startsWith('certificate.unreadable')),
      'the bad key was seen',
    )
    assert.equal(await shown(), certificate.certificatePem.trim())
    const next = await makeWebCertificate(['a.example'])
    writeFileSync(folder.file('c.pem'), next.certificatePem)
    writeFileSync(folder.file('c.key'), next.keyPem)
    await until(async () => (await shown()) === next.certificatePem.trim(), 'the new certificate was shown')
    assert.equal(await text(ask(session, { ':method': 'POST' }, 'still here')), 'still here')
    session.close()
  })
})
