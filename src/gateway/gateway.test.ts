import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import { serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { parseGatewayConfig } from './config-file.ts'

const CONFIG = `
listeners: [{ kind: http, listen: '127.0.0.1:0' }]
routes: [{ path: /old, service: app }]
`

describe('gateway', { concurrency: true }, () => {
  it('takes a new configuration without breaking what is under way', async () => {
    let answer = () => {}
    await using app = await serveOnLoopback((request, response) => {
      if (request.url === '/old') answer = () => response.end('old')
      else response.end('new')
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const at = `http://127.0.0.1:${rig.port}`
    const underWay = fetch(`${at}/old`)
    await once(app.server, 'request')
    await rig.gateway.reload(parseGatewayConfig(CONFIG.replace('/old', '/new')))
    assert.equal(rig.gateway.addresses[0]?.port, rig.port)
    assert.equal(await (await fetch(`${at}/new`)).text(), 'new')
    assert.equal((await fetch(`${at}/old`)).status, 404)
    answer()
    assert.equal(await (await underWay).text(), 'old')
  })

  it('opens and closes listeners with the configuration, and keeps all of the old one if that fails', async () => {
    await using app = await serveOnLoopback((_request, response) => void response.end('x'))
    await using taken = await serveOnLoopback(() => {})
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const listening = (...ports: number[]) =>
      parseGatewayConfig(
        CONFIG.replace(
          /listeners.*/,
          `listeners: [${ports.map(port => `{ kind: http, listen: '127.0.0.1:${port}' }`)}]`,
        ),
      )
    await assert.rejects(rig.gateway.reload(listening(taken.port)), { code: 'port-in-use' })
    const [same] = rig.gateway.addresses
    assert.equal((await fetch(`http://127.0.0.1:${same?.port}/old`)).status, 200)
    await rig.gateway.reload(parseGatewayConfig(CONFIG.replace(' }]', ', redirectToHttps: true }]')))
    assert.notEqual(rig.gateway.addresses[0]?.port, same?.port)
    await assert.rejects(fetch(`http://127.0.0.1:${same?.port}/old`))
  })

  it('ends by letting requests end, and says so to who watches its health', async () => {
    let answer = () => {}
    await using app = await serveOnLoopback((_request, response) => {
      response.write('half ')
      answer = () => response.end('and half')
    })
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    const agent = new http.Agent({ keepAlive: true })
    const request = http.get({ port: rig.port, host: '127.0.0.1', path: '/old', agent })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    assert.equal(rig.gateway.health, 'up')
    let isDrained = false
    const drained = rig.gateway.drain().then(() => {
      isDrained = true
    })
    assert.equal(rig.gateway.health, 'draining')
    await assert.rejects(fetch(`http://127.0.0.1:${rig.port}/old`))
    assert.equal(isDrained, false)
    answer()
    assert.equal(await text(response), 'half and half')
    await drained
    agent.destroy()
  })

  it('gives up requests that do not end in the time for it', async () => {
    await using app = await serveOnLoopback((_request, response) => void response.write('x'))
    await using rig = await startGatewayRig(`${CONFIG}drain: 50ms\n`, { 'tcp/app': app.port })
    const response = await fetch(`http://127.0.0.1:${rig.port}/old`)
    await rig.gateway.drain()
    await rig.gateway[Symbol.asyncDispose]()
    await assert.rejects(response.text())
  })

  it('counts what it does for Prometheus', async () => {
    await using app = await serveOnLoopback((_request, response) => void response.end('12345'))
    await using rig = await startGatewayRig(CONFIG, { 'tcp/app': app.port })
    for (let i = 0; i < 3; i += 1) await (await fetch(`http://127.0.0.1:${rig.port}/old`)).text()
    await rig.logged(() => rig.access.length === 3)
    const metrics = await rig.gateway.metrics()
    for (const line of [
      'ztm_gateway_requests_total{route="*/old",service="tcp/app",status="2xx"} 3',
      'ztm_gateway_bytes_total{service="tcp/app",direction="out"} 15',
      'ztm_gateway_request_seconds_count{route="*/old"} 3',
      'ztm_gateway_open_requests 0',
      'ztm_gateway_service_streams 1',
    ])
      assert.ok(metrics.includes(line), line)
  })

  it('does not speak HTTP/2 without TLS', async () => {
    await using rig = await startGatewayRig(CONFIG, {})
    const session = http2.connect(`http://127.0.0.1:${rig.port}`)
    assert.ok((await once(session, 'error'))[0])
  })
})
