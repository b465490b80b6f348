import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { callJson, type JsonCall } from './http-json.ts'

const CALL: JsonCall = { method: 'GET', path: '/api/x', action: 'Cannot ask', timeoutMs: 5_000 }

async function serve(t: TestContext, answer: http.RequestListener) {
  const server = http.createServer(answer).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

test('callJson() sends method, path, body and token, and reads the answer', async t => {
  const seen: unknown[] = []
  const place = await serve(t, async (request, response) => {
    request.setEncoding('utf8')
    let body = ''
    for await (const text of request) body += text
    seen.push([request.method, request.url, request.headers.authorization, body])
    response.end('{"ok":"ü"}')
  })
  const answer = await callJson({ ...place, token: 'abc' }, { ...CALL, method: 'POST', body: '{"a":"ü"}' })
  assert.deepEqual(answer, { ok: 'ü' })
  assert.deepEqual(seen, [['POST', '/api/x', 'Bearer abc', '{"a":"ü"}']])
})

test('callJson() gives undefined for an empty answer', async t => {
  const place = await serve(t, (_, response) => response.writeHead(204).end())
  assert.equal(await callJson(place, CALL), undefined)
})

test("callJson() throws the other side's error", async t => {
  const body = JSON.stringify({ code: 'denied', message: 'Cannot do it: denied' })
  const place = await serve(t, (_, response) => response.writeHead(403).end(body))
  await assert.rejects(callJson(place, CALL), { code: 'denied', message: 'Cannot do it: denied' })
})

test('callJson() refuses what is not JSON, not an error of ours, or too large', async t => {
  const texts: Record<string, [number, string]> = {
    '/page': [200, '<html>'],
    '/proxy': [502, '{"oops":1}'],
    '/large': [200, JSON.stringify('x'.repeat(17 * 1_048_576))],
  }
  const place = await serve(t, (request, response) => {
    const [status, text] = texts[request.url ?? ''] ?? [500, '']
    response.writeHead(status).end(text)
  })
  await assert.rejects(callJson(place, { ...CALL, path: '/page' }), { code: 'bad-message' })
  await assert.rejects(callJson(place, { ...CALL, path: '/proxy' }), { code: 'bad-message' })
  await assert.rejects(callJson(place, { ...CALL, path: '/large' }), { code: 'too-large' })
})

test('callJson() gives up in time, also in the middle of an answer', async t => {
  const place = await serve(t, (request, response) => {
    if (request.url === '/half') response.write('{"a":')
  })
  await assert.rejects(callJson(place, { ...CALL, timeoutMs: 50 }), {
    code: 'timed-out',
    message: 'Cannot ask: no answer within 0.1 s',
  })
  await assert.rejects(callJson(place, { ...CALL, path: '/half', timeoutMs: 50 }), { code: 'timed-out' })
})

test('callJson() tells nobody there from somebody who hangs up', async t => {
  using folder = makeScratchFolder()
  await assert.rejects(callJson({ socket: folder.file('none.sock') }, CALL), { code: 'not-found' })
  const server = net.createServer(socket => socket.destroy()).listen(folder.file('rude.sock'))
  await once(server, 'listening')
  t.after(() => server.close())
  await assert.rejects(callJson({ socket: folder.file('rude.sock') }, CALL), { code: 'link-closed' })
})
