import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { sendRaw, serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'

const CONFIG = `
listeners: [{ kind: http, listen: '127.0.0.1:0' }]
routes: [{ service: app }]
`

describe('exchange of HTTP/1.1', { concurrency: true }, () => {
  it('sends a request on with who asked, and the answer back without headers of one connection', async () => {
    await using app = await serveOnLoopback((request, response) => {
      response.setHeader('x-app', ['a', 'b'])
      response.setHeader('connection', 'x-private')
      response.setHeader('x-private', 'secret')
      response.end(JSON.stringify({ url: request.url, headers: request.headers }))
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const response = await fetch(`http://127.0.0.1:${rig.port}/a%20b?q=1`, {
      headers: { 'x-mine': '1', forwarded: 'for=6.6.6.6', 'x-forwarded-for': '6.6.6.6', te: 'trailers' },
    })
    const { url, headers } = (await response.json()) as { url: string; headers: Record<string, string> }
    assert.equal(url, '/a%20b?q=1')
    assert.deepEqual(
      {
        host: headers.host,
        for: headers['x-forwarded-for'],
        proto: headers['x-forwarded-proto'],
        name: headers['x-forwarded-host'],
        forwarded: headers.forwarded,
        via: headers.via,
        mine: headers['x-mine'],
        te: headers.te,
      },
      {
        host: `127.0.0.1:${rig.port}`,
        for: '127.0.0.1',
        proto: 'http',
        name: `127.0.0.1:${rig.port}`,
        forwarded: `for=127.0.0.1;host="127.0.0.1:${rig.port}";proto=http`,
        via: '1.1 ztm',
        mine: '1',
        te: undefined,
      },
    )
    assert.equal(response.headers.get('x-app'), 'a, b')
    assert.equal(response.headers.get('x-private'), null)
    assert.equal(response.headers.get('x-request-id'), headers['x-request-id'])
    const line = await rig.logged(({ status }) => status === 200)
    assert.equal(line.path, '/a%20b')
    assert.equal(line.id, headers['x-request-id'])
  })

  it('keeps streams for the next request', async () => {
    await using app = await serveOnLoopback((_request, response) => void response.end('x'))
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    for (let i = 0; i < 5; i += 1) await (await fetch(`http://127.0.0.1:${rig.port}/`)).text()
    assert.deepEqual(rig.dials, ['tcp/app'])
  })

  it('streams 100 MB both ways, byte for byte', async () => {
    await using app = await serveOnLoopback((request, response) => void request.pipe(response))
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const block = randomBytes(1_000_003)
    const [sent, got] = [createHash('sha256'), createHash('sha256')]
    function* blocks() {
      for (let i = 0; i < 100; i += 1) {
        sent.update(block)
        yield block
      }
    }
    const request = http.request({ port: rig.port, host: '127.0.0.1', method: 'POST' })
    Readable.from(blocks(), { objectMode: false }).pipe(request)
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    for await (const chunk of response) got.update(chunk as Buffer)
    assert.equal(got.digest('hex'), sent.digest('hex'))
  })

  it('holds nobody back who does not read: a slow client stops its service', async () => {
    let written = 0
    await using app = await serveOnLoopback((_request, response) => {
      const more = () => {
        while (written < 200e6 && response.write(Buffer.alloc(65_536))) written += 65_536
        response.once('drain', more)
      }
      more()
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const socket = net.connect({ port: rig.port, host: '127.0.0.1' })
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(socket, 'readable')
    let before = -1
    while (before !== written) {
      before = written
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.ok(written < 50e6, `${written} bytes went into nothing`)
    socket.destroy()
    const line = await rig.logged(() => true)
    assert.equal(line.error, 'client-gone')
  })

  it('hands parts on as they come, both ways at once', async () => {
    await using app = await serveOnLoopback((request, response) => {
      response.write('first ')
      request.on('data', (chunk: Buffer) => response.write(`[${chunk}]`))
      request.on('end', () => response.end())
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const request = http.request({ port: rig.port, host: '127.0.0.1', method: 'POST' })
    request.write('one')
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.setEncoding('utf8')
    let got = ''
    const upTo = async (wanted: string) => {
      while (got !== wanted) got += (await once(response, 'data'))[0]
    }
    await upTo('first [one]')
    request.write('two')
    await upTo('first [one][two]')
    request.end()
    await once(response, 'end')
  })

  it('passes 100, 103 and trailers on, and the head before the first byte of the body', async () => {
    await using app = await serveOnLoopback((request, response) => {
      response.writeEarlyHints({ link: '</x.css>; rel=preload' })
      request.resume().on('end', () => {
        response.writeHead(200, { trailer: 'x-sum' })
        response.flushHeaders()
        response.addTrailers({ 'x-sum': '42' })
        setImmediate(() => response.end('body'))
      })
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const request = http.request({
      port: rig.port,
      host: '127.0.0.1',
      method: 'POST',
      headers: { expect: '100-continue', 'content-length': '2' },
    })
    const statuses: number[] = []
    request.on('information', ({ statusCode }) => statuses.push(statusCode))
    request.on('continue', () => request.end('hi'))
    request.flushHeaders()
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    assert.deepEqual(statuses, [100, 103])
    assert.equal(await text(response), 'body')
    assert.equal(response.trailers['x-sum'], '42')
  })

  it('passes bytes of headers on that are no ASCII, both ways', async () => {
    await using app = await serveOnLoopback((request, response) => {
      response.setHeader('x-echo', String(request.headers['x-name']))
      response.setHeader('content-disposition', 'attachment; filename="\u00c3\u00bc.txt"')
      response.end()
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const answer = await sendRaw(
      rig.port,
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nX-Name: \u00c3\u00bc\r\nConnection: close\r\n\r\n', 'latin1'),
    )
    assert.match(answer, /^HTTP\/1\.1 200 /)
    assert.match(answer, /x-echo: \u00c3\u00bc\r\n/)
    assert.match(answer, /filename="\u00c3\u00bc\.txt"/)
  })

  it('sends events of a stream on one by one', async () => {
    let send = (_text: string) => {}
    await using app = await serveOnLoopback((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      send = text => void response.write(`data: ${text}\n\n`)
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const request = http.get({ port: rig.port, host: '127.0.0.1' })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    for (const word of ['one', 'two', 'three']) {
      send(word)
      assert.equal(String((await once(response, 'data'))[0]), `data: ${word}\n\n`)
    }
    request.destroy()
  })

  it('breaks the answer where the service breaks it', async () => {
    await using app = await serveOnLoopback((_request, response) => {
      response.write('half', () => response.destroy())
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const response = await fetch(`http://127.0.0.1:${rig.port}/`)
    assert.equal(response.status, 200)
    await assert.rejects(response.text())
    assert.equal((await rig.logged(() => true)).error, 'link-closed')
  })

  it('ends the request at the service when the client is gone', async () => {
    let tell = () => {}
    const gone = new Promise<void>(resolve => {
      tell = resolve
    })
    await using app = await serveOnLoopback((request, response) => {
      response.once('close', tell)
      request.once('never', () => {})
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const socket = net.connect({ port: rig.port, host: '127.0.0.1' })
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n')
    await once(app.server, 'request')
    socket.destroy()
    await gone
  })
})

describe('what goes wrong', { concurrency: true }, () => {
  const cases: [error: MeshError, status: number, code: string][] = [
    [new MeshError('offline', 'x'), 503, 'Unavailable'],
    [new MeshError('not-found', 'x'), 503, 'Unavailable'],
    [new MeshError('unreachable', 'x'), 502, 'Unavailable'],
    [new MeshError('denied', 'x'), 502, 'Unavailable'],
    [new MeshError('timed-out', 'x'), 504, 'DeadlineExceeded'],
    [new MeshError('bug', 'x'), 500, 'Internal'],
  ]
  for (const [error, status, code] of cases) {
    it(`answers ${status} when the dial fails with ${error.code}, and tells nothing of the mesh`, async () => {
      await using rig = await startGatewayRig(CONFIG, { 'tcp/app': error })
      const response = await fetch(`http://127.0.0.1:${rig.port}/`, { method: 'POST', body: 'x' })
      const body = (await response.json()) as { error: { code: string; message: string; details: object } }
      assert.deepEqual([response.status, body.error.code], [status, code])
      assert.equal(response.headers.get('retry-after'), status === 503 ? '5' : null)
      assert.ok(!body.error.message.includes('tcp/app'))
      assert.deepEqual(body.error.details, { requestId: response.headers.get('x-request-id') })
    })
  }

  it('tries again what may be repeated, and nothing else', async () => {
    let count = 0
    await using app = await serveOnLoopback((request, response) => {
      count += 1
      if (count % 2 === 1) request.socket.destroy()
      else response.end('second')
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const at = `http://127.0.0.1:${rig.port}/`
    assert.equal(await (await fetch(at)).text(), 'second')
    assert.equal((await rig.logged(() => true)).tries, 2)
    assert.equal((await fetch(at, { method: 'POST', body: 'x' })).status, 502)
    assert.equal(count, 3)
  })

  const late: [what: string, timeouts: string, path: string][] = [
    ['the stream', '{ connect: 50ms }', 'tcp/never'],
    ['the first byte', '{ firstByte: 50ms }', 'tcp/app'],
    ['all', '{ total: 50ms }', 'tcp/app'],
  ]
  for (const [what, timeouts, service] of late) {
    it(`answers 504 when ${what} takes too long`, async () => {
      await using app = await serveOnLoopback(() => {})
      const config = `${CONFIG.replace('service: app', `service: ${service}, timeouts: ${timeouts}`)}`
      await using rig = await startGatewayRig(config, {
        'tcp/app': app.port,
        'tcp/never': () => new Promise(() => {}),
      })
      const response = await fetch(`http://127.0.0.1:${rig.port}/`)
      assert.equal(response.status, 504)
      await response.text()
    })
  }

  it('breaks an answer that stands still, and gives up a request that stands still', async () => {
    await using app = await serveOnLoopback((request, response) => {
      if (request.method === 'GET') response.write('x')
    })
    await using rig = await startGatewayRig(CONFIG.replace('app', 'app, timeouts: { idle: 100ms }'), {
      'tcp/app': app.port,
    })
    await assert.rejects((await fetch(`http://127.0.0.1:${rig.port}/`)).text())
    const socket = net.connect({ port: rig.port, host: '127.0.0.1' })
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nxx')
    assert.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 504 /)
    socket.destroy()
  })

  it('refuses bodies over the limit, announced or not, before or while they are sent on', async () => {
    await using app = await serveOnLoopback((request, response) => {
      request.resume().on('end', () => response.end('all'))
    })
    await using rig = await startGatewayRig(CONFIG.replace('app', 'app, maxBody: 1000'), {
      'tcp/app': app.port,
    })
    const at = `http://127.0.0.1:${rig.port}/`
    assert.equal((await fetch(at, { method: 'POST', body: 'x'.repeat(1_001) })).status, 413)
    assert.equal(rig.dials.length, 0)
    const parts = Readable.toWeb(Readable.from(['x'.repeat(900), 'x'.repeat(101)]))
    const sent = await fetch(at, {
      method: 'POST',
      body: parts as ReadableStream,
      duplex: 'half',
    } as RequestInit)
    assert.equal(sent.status, 413)
    assert.equal((await fetch(at, { method: 'POST', body: 'x'.repeat(1_000) })).status, 200)
  })
})
