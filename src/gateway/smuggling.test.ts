import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, describe, it } from 'node:test'
import {
  type GatewayRig,
  type RigServer,
  sendRaw,
  serveOnLoopback,
  startGatewayRig,
} from '../testing/gateway-rig.ts'
import { HOSTILE_HOST, HOSTILE_REQUESTS } from '../testing/hostile-requests.ts'

const CONFIG = `
listeners: [{ kind: http, listen: '127.0.0.1:0' }]
limits: { head: 500ms }
routes: [{ host: good.example, service: app }]
`
const HOST = `Host: ${HOSTILE_HOST}\r\n`

describe('hostile requests', { concurrency: false }, () => {
  let rig: GatewayRig
  let app: RigServer
  const reached: string[] = []
  before(async () => {
    app = await serveOnLoopback((request, response) => {
      reached.push(`${request.method} ${request.url} ${JSON.stringify(request.rawHeaders)}`)
      request.resume().on('end', () => response.end('ok'))
    })
    rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
  })
  after(async () => {
    await rig[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
  })

  for (const [what, raw, status = 400] of HOSTILE_REQUESTS) {
    it(`are refused: ${what}`, async () => {
      reached.length = 0
      const follow = `GET /smuggled HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`
      const answer = await sendRaw(rig.port, Buffer.from(raw + follow, 'latin1'))
      const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code))
      assert.deepEqual(statuses, [status], answer)
      // A body that breaks in the middle may have been begun at the service, but nothing came of it.
      assert.ok(!reached.some(line => line.includes('smuggled')), reached.join('\n'))
    })
  }

  it('are served one after another where they are good', async () => {
    reached.length = 0
    const one = `POST /1 HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n`
    const two = `GET http://good.example/2?a=b HTTP/1.1\r\nHost: good.example\r\nConnection: close\r\n\r\n`
    const answer = await sendRaw(rig.port, one + two)
    assert.equal(answer.match(/HTTP\/1\.1 200 OK/g)?.length, 2)
    assert.deepEqual(
      reached.map(line => line.slice(0, line.indexOf(' ['))),
      ['POST /1', 'GET /2?a=b'],
    )
  })

  it('that come a byte at a time are given up', async () => {
    const socket = net.connect({ port: rig.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    const drip = setInterval(() => socket.write('x'), 100)
    socket.write(`GET / HTTP/1.1\r\n${HOST}X-Slow: `)
    const [answer] = await once(socket, 'data')
    clearInterval(drip)
    assert.match(String(answer), /^HTTP\/1\.1 408 /)
    socket.destroy()
  })

  it('leave the metrics with a count of them', async () => {
    assert.match(await rig.gateway.metrics(), /ztm_gateway_bad_requests_total\{status="400"\} \d\d/)
  })
})
