import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import tls from 'node:tls'
import { type RigServer, serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { hasPebble, type Pebble, startPebble } from '../testing/pebble.ts'
import { makeScratchFolder, type ScratchFolder } from '../testing/scratch-folder.ts'
import { until } from '../testing/until.ts'

describe('certificates by ACME', {
  skip: hasPebble() ? false : 'there is no pebble on this computer',
}, () => {
  let folder: ScratchFolder
  let pebble: Pebble
  let app: RigServer
  before(async () => {
    folder = makeScratchFolder()
    pebble = await startPebble(folder)
    app = await serveOnLoopback((_request, response) => void response.end('hello'))
  })
  after(async () => {
    await pebble[Symbol.asyncDispose]()
    await app[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
  })

  const configOf = (challenge: string, hosts: string) => `
listeners:
  - { kind: https, listen: '127.0.0.1:${pebble.tlsPort}' }
  - { kind: http, listen: '127.0.0.1:${pebble.httpPort}', redirectToHttps: true }
certificates: [{ acme: [${hosts}] }]
acme:
  directory: ${pebble.directory}
  caFile: ${pebble.caFile}
  email: admin@example.com
  termsOfServiceAgreed: true
  challenges: [${challenge}]
routes: [{ service: app }]
`

  async function shown(name: string): Promise<tls.PeerCertificate> {
    const ca = await pebble.root()
    const socket = tls.connect({ port: pebble.tlsPort, host: '127.0.0.1', servername: name, ca })
    await once(socket, 'secureConnect')
    const certificate = socket.getPeerCertificate()
    socket.destroy()
    return certificate
  }

  for (const challenge of ['http-01', 'tls-alpn-01']) {
    it(`are ordered by ${challenge}, kept, used again, and renewed at two thirds of their life`, async () => {
      const secrets = new Map<string, string>()
      let skippedMs = 0
      const clock = { now: () => Date.now() + skippedMs }
      const config = configOf(challenge, 'one.example, two.example')
      const options = { secrets, clock, watchMs: 20 }
      let first: string
      {
        await using rig = await startGatewayRig(config, { 'tcp/app': app.port }, options)
        await until(() => rig.events.some(event => event.startsWith('acme.')), 'an order was begun')
        await until(
          () => rig.events.some(event => /^acme\.(issued|failed)/.test(event)),
          'the order was done',
        )
        assert.ok(
          rig.events.some(event => event.startsWith('acme.issued')),
          rig.events.join('\n') + pebble.output(),
        )
        const certificate = await shown('two.example')
        first = certificate.serialNumber
        assert.equal(certificate.subjectaltname, 'DNS:one.example, DNS:two.example')
        const ca = await pebble.root()
        const session = http2.connect(`https://one.example:${pebble.tlsPort}`, {
          ca,
          lookup: (_host, _options, done) =>
            (done as (e: null, list: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }]),
        })
        assert.equal(await text(session.request({ ':path': '/' })), 'hello')
        session.close()
        const redirected = await fetch(`http://127.0.0.1:${pebble.httpPort}/x?y`, { redirect: 'manual' })
        assert.deepEqual(
          [redirected.status, redirected.headers.get('location')],
          [308, 'https://127.0.0.1/x?y'],
        )
      }
      await using rig = await startGatewayRig(config, { 'tcp/app': app.port }, options)
      await until(
        async () => (await shown('one.example').catch(() => undefined))?.serialNumber === first,
        'it was used again',
      )
      assert.ok(!rig.events.some(event => event.startsWith('acme.ordering')))
      const { valid_from: from, valid_to: to } = await shown('one.example')
      skippedMs = (Date.parse(to) - Date.parse(from)) * 0.66
      await new Promise(resolve => setTimeout(resolve, 100))
      assert.ok(!rig.events.some(event => event.startsWith('acme.ordering')))
      skippedMs = (Date.parse(to) - Date.parse(from)) * 0.67
      await until(() => rig.events.some(event => event.startsWith('acme.ordering')), 'it was ordered again')
      // The new one begins now, and would be due at once.
      skippedMs = 0
      await until(() => rig.events.some(event => event.startsWith('acme.issued')), 'it was renewed')
      assert.notEqual((await shown('one.example')).serialNumber, first)
      assert.deepEqual([...secrets.keys()].map(name => name.replace(/[0-9a-f]{16,}/, 'X')).sort(), [
        'acme-X.pem',
        'acme-account-X.key',
      ])
    })
  }

  it('that are refused are asked for again later, and harm nothing else', async () => {
    // The listener for http is on another port than the authority asks.
    const config = configOf('http-01', 'three.example').replace(`:${pebble.httpPort}'`, `:0'`)
    await using rig = await startGatewayRig(config, { 'tcp/app': app.port }, { watchMs: 20 })
    await until(() => rig.events.some(event => event.startsWith('acme.failed')), 'the order failed')
    assert.match(rig.events.find(event => event.startsWith('acme.failed')) ?? '', /"delayMs":30000/)
    assert.equal(
      (await fetch(`http://127.0.0.1:${rig.gateway.addresses[1]?.port}/`, { redirect: 'manual' })).status,
      308,
    )
  })
})
