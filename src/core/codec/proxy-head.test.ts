import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_PROXY_HEAD_BYTES, type ProxyHead, readProxyHead } from './proxy-head.ts'

const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))
const lines = (...all: string[]) => `${all.join('\r\n')}\r\n\r\n`

function read(text: string): ProxyHead {
  const result = readProxyHead(bytes(`${text}rest`))
  assert.ok(result.state === 'done', JSON.stringify(result))
  assert.equal(result.byteCount, text.length)
  return result.head
}

test('readProxyHead() reads CONNECT, with and without credentials', () => {
  const basic = { kind: 'connect', method: 'CONNECT', credentials: undefined }
  assert.deepEqual(read(lines('CONNECT example.com:443 HTTP/1.1', 'Host: x')), {
    ...basic,
    host: 'example.com',
    port: 443,
  })
  assert.deepEqual(read(lines('CONNECT [2001:db8::1]:22 HTTP/1.0')), {
    ...basic,
    host: '2001:db8::1',
    port: 22,
  })
  const credentials = `Proxy-Authorization: Basic ${Buffer.from('bob:pä:ss').toString('base64')}`
  assert.equal(read(lines('CONNECT a:1 HTTP/1.1', credentials)).credentials, 'bob:pä:ss')
})

test('readProxyHead() makes the head that the origin is to see', () => {
  const head = read(
    lines(
      'POST http://Example.com:8080/a?b=1 HTTP/1.1',
      'Host: other',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic Yjpj',
      'Connection: keep-alive, x-secret',
      'X-Secret: 1',
      'Upgrade: h2c',
      'Content-Length: 3',
      'Accept: */*',
    ),
  )
  assert.deepEqual(head, {
    kind: 'forward',
    method: 'POST',
    credentials: 'b:c',
    host: 'Example.com',
    port: 8080,
    body: 3,
    head: lines(
      'POST /a?b=1 HTTP/1.1',
      'Host: Example.com:8080',
      'Content-Length: 3',
      'Accept: */*',
      'Connection: close',
    ),
  })
  const get = read(lines('GET http://a?q HTTP/1.1'))
  assert.ok(get.kind === 'forward')
  assert.deepEqual([get.port, get.body, get.head.split('\r\n')[0]], [80, 0, 'GET /?q HTTP/1.1'])
  const chunked = read(lines('PUT http://a/ HTTP/1.1', 'Transfer-Encoding: Chunked'))
  assert.equal(chunked.kind === 'forward' && chunked.body, 'chunked')
})

test('readProxyHead() lets WebSockets through', () => {
  const head = read(
    lines('GET http://a/ws HTTP/1.1', 'Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x'),
  )
  assert.ok(head.kind === 'forward')
  assert.equal(head.body, 'upgrade')
  assert.equal(
    head.head,
    lines('GET /ws HTTP/1.1', 'Host: a', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', 'Connection: Upgrade'),
  )
})

test('readProxyHead() knows requests to the proxy itself', () => {
  assert.deepEqual(read(lines('GET /proxy.pac HTTP/1.1', 'Host: a')), {
    kind: 'own',
    method: 'GET',
    credentials: undefined,
    path: '/proxy.pac',
  })
})

test('readProxyHead() refuses what two readers could take for two requests', () => {
  const start = 'POST http://a/ HTTP/1.1'
  const bad: [string, number][] = [
    [lines(start, 'Content-Length: 3', 'Transfer-Encoding: chunked'), 400],
    [lines(start, 'Content-Length: 3', 'Content-Length: 4'), 400],
    [lines(start, 'Content-Length: +3'), 400],
    [lines(start, 'Content-Length: 3, 3'), 400],
    [lines(start, 'Transfer-Encoding: gzip, chunked'), 400],
    [lines(start, 'Transfer-Encoding : chunked'), 400],
    [lines(start, 'A: b', ' folded'), 400],
    [lines(start, 'A: b\rTransfer-Encoding: chunked'), 400],
    [lines(start, 'A: b\nTransfer-Encoding: chunked'), 400],
    [lines(start, 'A: b\0'), 400],
    [lines('GET http://user:pw@a/ HTTP/1.1'), 400],
    [lines('GET http:///x HTTP/1.1'), 400],
    [lines('GET http://a:0/ HTTP/1.1'), 400],
    [lines('CONNECT a HTTP/1.1'), 400],
    [lines('CONNECT a:70000 HTTP/1.1'), 400],
    [lines('CONNECT http://a:1 HTTP/1.1'), 400],
    [lines('GET http://a/ HTTP/2.0'), 400],
    [lines('GET  http://a/ HTTP/1.1'), 400],
    [lines('GET ftp://a/ HTTP/1.1'), 501],
    [lines('GET https://a/ HTTP/1.1'), 501],
    [lines('GET a HTTP/1.1'), 501],
    [lines('GET http://a/ HTTP/1.1', ...Array.from({ length: 129 }, (_, i) => `H${i}: 1`)), 431],
    ['x'.repeat(MAX_PROXY_HEAD_BYTES), 431],
  ]
  for (const [text, status] of bad) {
    const result = readProxyHead(bytes(text))
    assert.equal(result.state === 'bad' && result.status, status, JSON.stringify([text.slice(0, 80), result]))
  }
})

test('readProxyHead() waits for the end of a head at any split, and throws for no bytes', () => {
  const text = lines('GET http://a/ HTTP/1.1', 'A: b')
  for (let end = 0; end < text.length; end++)
    assert.equal(readProxyHead(bytes(text.slice(0, end))).state, 'more')
  const almost = fc
    .tuple(fc.nat(text.length), fc.uint8Array({ maxLength: 4 }), fc.nat(4))
    .map(([at, insert, cut]) =>
      Uint8Array.from([...bytes(text.slice(0, at)), ...insert, ...bytes(text.slice(at + cut))]),
    )
  fc.assert(
    fc.property(fc.oneof(almost, fc.uint8Array({ maxLength: 200 })), some => {
      const result = readProxyHead(some)
      if (result.state !== 'done' || result.head.kind !== 'forward') return
      assert.equal(result.head.head.split('\r\n\r\n').length, 2)
    }),
    { numRuns: 3_000 },
  )
})

test('readProxyHead() takes no time for a line of spaces', () => {
  const blanks = ' \t'.repeat(MAX_PROXY_HEAD_BYTES / 2 - 200)
  const head = lines('GET http://a/ HTTP/1.1', 'Host: a', `X-A:${blanks}b`)
  const spread = lines('GET http://a/ HTTP/1.1', 'Host: a', `X-A: b${blanks}c`)
  // It would end by the time limit of the test: one that goes back at each space needs seconds each time.
  for (let i = 0; i < 200; i++) for (const text of [head, spread]) read(text)
  const { head: sent } = read(
    lines('GET http://a/ HTTP/1.1', 'Host:\t a \t', 'X-A: \t b  c\t ', 'X-B: \t'),
  ) as Extract<ProxyHead, { kind: 'forward' }>
  assert.match(sent, /\r\nX-A: b {2}c\r\nX-B: \r\n/)
})
