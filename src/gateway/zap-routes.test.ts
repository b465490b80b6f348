import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { MeshError } from '../core/model/errors.ts'
import { serveZap } from '../sdk/zap/serve-zap.ts'
import { structCodec } from '../sdk/zap/struct-kind.ts'
import { CALL_TOOL, LIST_TOOLS } from '../sdk/zap/tool-methods.ts'
import { jsonCodec, zapMethod } from '../sdk/zap/zap-method.ts'
import { answer } from '../sdk/zap/zap-serving.ts'
import { type GatewayRig, startGatewayRig } from '../testing/gateway-rig.ts'
import { createStreamPair } from '../testing/stream-pair.ts'
import { parseGatewayConfig } from './config-file.ts'
import { declaredStruct } from './declared-struct.ts'
import { createLiveRoutes } from './live-routes.ts'

const json = jsonCodec(z.any())
const CONFIG = `
listeners: [{ kind: http, listen: '127.0.0.1:0' }]
routes:
  - { path: /add, service: calc, zap: { method: add } }
  - { path: /users/:id, service: calc, zap: { method: echo } }
  - { path: /tail, service: calc, zap: { method: tail, stream: sse } }
  - { path: /lines, service: calc, zap: { method: tail, stream: ndjson } }
  - { path: /fail/:code, service: calc, zap: { method: fail } }
  - { path: /never, service: calc, timeouts: { firstByte: 50ms }, zap: { method: never } }
  - { path: /none, service: calc, zap: { method: none } }
  - { path: /tools, service: calc, zap: { method: listTools, schema: zap } }
  - { path: /tool, service: calc, zap: { method: callTool, schema: zap }, maxBody: 1000 }
  - path: /own
    service: calc
    zap: { method: own, request: { a: Int64, b: Int64, tags: [{ name: Text }] }, response: { sum: Int64, first: Text } }
  - { path: /away, service: gone, zap: { method: add } }
`

describe('routes to ZAP', () => {
  let rig: GatewayRig
  let cancelled = () => {}
  let last: Duplex | undefined
  before(async () => {
    const handlers = {
      ...answer(zapMethod('add', json, json), ([a, b]: number[]) => (a ?? 0) + (b ?? 0)),
      ...answer(zapMethod('echo', json, json), (params: unknown) => params),
      ...answer(zapMethod('tail', json, json), async function* ({ count }: { count: string }, { signal }) {
        for (let i = 0; i < Number(count); i += 1) yield { i }
        if (Number(count) > 2) return
        signal.addEventListener('abort', () => cancelled())
        await new Promise(() => {})
      }),
      ...answer(zapMethod('fail', json, json), ({ code }: { code: 'denied' }) => {
        throw new MeshError(code, `it is ${code}`)
      }),
      ...answer(zapMethod('never', json, json), () => new Promise<never>(() => {})),
      ...answer(
        zapMethod(
          'own',
          structCodec(declaredStruct('p', { a: 'Int64', b: 'Int64', tags: [{ name: 'Text' }] })),
          structCodec(declaredStruct('r', { sum: 'Int64', first: 'Text' })),
        ),
        ({ a, b, tags }) => ({ sum: Number(a) + Number(b), first: (tags as { name: string }[])[0]?.name }),
      ),
      ...answer(LIST_TOOLS, () => [
        { name: 'sum', description: 'Adds', schema: Buffer.from('{}'), annotations: [['a', 'b'] as const] },
      ]),
      ...answer(CALL_TOOL, call => ({ id: call.id, content: call.args, error: '', metadata: call.metadata })),
    }
    rig = await startGatewayRig(CONFIG, {
      async 'tcp/calc'() {
        const [near, far] = createStreamPair()
        serveZap(far, handlers)
        last = near
        return near
      },
      'tcp/gone': new MeshError('offline', 'x'),
    })
  })
  after(() => rig[Symbol.asyncDispose]())

  const at = (path: string) => `http://127.0.0.1:${rig.port}${path}`
  const post = (path: string, body: unknown) =>
    fetch(at(path), { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body) })

  it('make calls of JSON, and JSON of results, over one connection', async () => {
    const responses = await Promise.all(Array.from({ length: 20 }, (_, i) => post('/add', [i, 1])))
    assert.deepEqual(
      await Promise.all(responses.map(response => response.json())),
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
    assert.equal(responses[0]?.headers.get('content-type'), 'application/json')
    assert.deepEqual(rig.dials, ['tcp/calc'])
  })

  it('take another connection when the path of theirs is lost, or it has ended', async () => {
    const before = rig.dials.length
    last?.emit('lost')
    assert.equal(await (await post('/add', [1, 2])).json(), 3)
    last?.destroy()
    assert.equal(await (await post('/add', [2, 2])).json(), 4)
    assert.equal(rig.dials.length, before + 2)
  })

  it('put what is in path and query into the params', async () => {
    assert.deepEqual(await (await fetch(at('/users/7?full=yes&id=8'))).json(), { full: 'yes', id: '7' })
    assert.deepEqual(await (await post('/users/7', { id: 1, name: 'x' })).json(), { id: '7', name: 'x' })
    assert.equal((await post('/users/7', [1])).status, 400)
  })

  it('stream results as events and as lines', async () => {
    const events = await fetch(at('/tail?count=3'))
    assert.equal(events.headers.get('content-type'), 'text/event-stream')
    assert.equal(await events.text(), 'data: {"i":0}\n\ndata: {"i":1}\n\ndata: {"i":2}\n\n')
    assert.equal(await (await fetch(at('/lines?count=3'))).text(), '{"i":0}\n{"i":1}\n{"i":2}\n')
  })

  it('cancel the call when the client goes away', async () => {
    const gone = new Promise<void>(resolve => {
      cancelled = resolve
    })
    const request = http.get(at('/tail?count=2'))
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    await once(response, 'data')
    request.destroy()
    response.on('error', () => {})
    await gone
  })

  const failures: [path: string, status: number, code: string][] = [
    ['/fail/denied', 403, 'PermissionDenied'],
    ['/fail/bad-input', 400, 'InvalidArgument'],
    ['/fail/not-found', 404, 'NotFound'],
    ['/fail/too-many', 429, 'ResourceExhausted'],
    ['/fail/own-code', 500, 'Internal'],
    ['/never', 504, 'DeadlineExceeded'],
    ['/none', 404, 'NotFound'],
    ['/away', 503, 'Unavailable'],
  ]
  for (const [path, status, code] of failures) {
    it(`answer ${status} for ${path}`, async () => {
      const response = await post(path, {})
      const { error } = (await response.json()) as { error: { code: string } }
      assert.deepEqual([response.status, error.code], [status, code])
    })
  }

  it('refuse bodies that are no JSON, too large, or of another form', async () => {
    assert.equal((await post('/add', '{')).status, 400)
    assert.equal(
      (await fetch(at('/add'), { method: 'POST', body: Buffer.from([0x22, 0xff, 0x22]) })).status,
      400,
    )
    assert.equal((await post('/tool', { name: 'x'.repeat(2_000) })).status, 413)
    assert.equal((await post('/tool', { args: 'e30=' })).status, 400)
    assert.equal((await post('/tool', { name: 'x', args: 'not base64!' })).status, 400)
    assert.equal((await fetch(at('/add'), { method: 'DELETE' })).status, 400)
  })

  it('make structs that the configuration declares', async () => {
    const tags = [{ name: 'x' }, { name: 'y' }]
    assert.deepEqual(await (await post('/own', { a: 40, b: '2', tags })).json(), { sum: 42, first: 'x' })
    const wrong = await post('/own', { a: 'forty' })
    assert.equal(wrong.status, 400)
    assert.match(await wrong.text(), /request\.a: an integer is wanted/)
  })

  it('make structs of the public schema of JSON, with bytes as base64', async () => {
    assert.deepEqual(await (await fetch(at('/tools'))).json(), [
      { name: 'sum', description: 'Adds', schema: 'e30=', annotations: [['a', 'b']] },
    ])
    const response = await post('/tool', { id: '1', name: 'sum', args: 'e30=', metadata: { k: 'v' } })
    assert.equal(await response.text(), '{"id":"1","content":"e30=","error":"","metadata":[["k","v"]]}')
    const wrong = parseGatewayConfig(CONFIG.replace('method: listTools', 'method: noSuch'))
    assert.throws(() => createLiveRoutes(wrong.routes, [], async () => undefined), { code: 'bad-input' })
  })
})
