import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import tls from 'node:tls'
import { createFlooder } from '../testing/flooder.ts'
import { endure, floodsOf } from '../testing/floods.ts'
import { serveOnLoopback, startGatewayRig } from '../testing/gateway-rig.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { makeWebCertificate } from '../testing/web-certificate.ts'

test('gateway outlives each flood of HTTP/2, and others keep working', async t => {
  using folder = makeScratchFolder()
  const { certificatePem, keyPem } = await makeWebCertificate(['mesh'])
  writeFileSync(folder.file('c.pem'), certificatePem)
  writeFileSync(folder.file('c.key'), keyPem)
  await using app = await serveOnLoopback((request, response) => {
    request.resume().on('end', () => response.end('ok'))
  })
  await using rig = await startGatewayRig(
    `
listeners: [{ kind: https, listen: '127.0.0.1:0' }, { kind: http, listen: '127.0.0.1:0' }]
certificates: [{ certificate: ${folder.file('c.pem')}, key: ${folder.file('c.key')} }]
routes: [{ service: app }]
`,
    { 'tcp/app': app.port },
  )
  const neighbour = async () => {
    const response = await fetch(`http://127.0.0.1:${rig.gateway.addresses[1]?.port}/`)
    assert.equal(await response.text(), 'ok')
  }
  for (const flood of floodsOf({ get: '/', post: '/' })) {
    await t.test(flood.what, async t => {
      const socket = tls.connect({
        port: rig.port,
        host: '127.0.0.1',
        servername: 'mesh',
        ca: certificatePem,
        ALPNProtocols: ['h2'],
      })
      await once(socket, 'secureConnect')
      await endure(t, { flooder: createFlooder(socket), flood, role: 'member', neighbour })
    })
  }
})
