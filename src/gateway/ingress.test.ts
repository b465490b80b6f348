import assert from 'node:assert/strict'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'
import tls from 'node:tls'
import { createDatagramDecoder, encodeDatagrams } from '../core/codec/datagram.ts'
import { MeshError } from '../core/model/errors.ts'
import { startGatewayRig } from '../testing/gateway-rig.ts'
import { createStreamPair } from '../testing/stream-pair.ts'
import { until } from '../testing/until.ts'
import { makeWebCertificate } from '../testing/web-certificate.ts'

/** A TCP server that answers when its client has ended its half. */
async function serveHalfClose(): Promise<{ port: number; server: net.Server } & AsyncDisposable> {
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    void text(socket).then(got => socket.end(`got ${got.length}`))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  return { port, server, [Symbol.asyncDispose]: async () => void server.close() }
}

describe('ingress', { concurrency: true }, () => {
  it('of TCP joins a port to a service, half-closed too', async () => {
    await using app = await serveHalfClose()
    await using rig = await startGatewayRig(
      `listeners: [{ kind: tcp, listen: '127.0.0.1:0', service: db }]`,
      {
        'tcp/db': app.port,
      },
    )
    const socket = net.connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end('x'.repeat(1_000_000))
    assert.equal(await text(socket), 'got 1000000')
    await until(
      async () =>
        /ztm_gateway_ingress_total\{kind="tcp",service="tcp\/db"\} 1/.test(await rig.gateway.metrics()),
      'it was counted',
    )
  })

  it('of TCP is waited for when the gateway ends', async () => {
    await using app = await serveHalfClose()
    await using rig = await startGatewayRig(
      `listeners: [{ kind: tcp, listen: '127.0.0.1:0', service: db }]`,
      {
        'tcp/db': app.port,
      },
    )
    const socket = net.connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true })
    await once(app.server, 'connection')
    let isDrained = false
    const drained = rig.gateway.drain().then(() => {
      isDrained = true
    })
    socket.end('word')
    assert.equal(isDrained, false)
    assert.equal(await text(socket), 'got 4')
    await drained
  })

  it('of TCP resets connections over its limit, and those whose service is not there', async () => {
    const config = (service: string) =>
      `listeners: [{ kind: tcp, listen: '127.0.0.1:0', service: ${service}, maxConnections: 1 }]`
    await using app = await serveHalfClose()
    await using rig = await startGatewayRig(config('db'), { 'tcp/db': app.port })
    const first = net.connect({ port: rig.port, host: '127.0.0.1' })
    await once(app.server, 'connection')
    const second = net.connect({ port: rig.port, host: '127.0.0.1' })
    const [error] = await once(second, 'error')
    assert.equal(error.code, 'ECONNRESET')
    first.destroy()
    await using broken = await startGatewayRig(config('gone'), { 'tcp/gone': new MeshError('offline', 'x') })
    const third = net.connect({ port: broken.port, host: '127.0.0.1' })
    assert.equal((await once(third, 'error'))[0].code, 'ECONNRESET')
  })

  it('of TLS goes by the name that is asked for, and opens nothing', async () => {
    const { certificatePem: cert, keyPem: key } = await makeWebCertificate(['one.example'])
    const server = tls.createServer({ cert, key }, socket => socket.end(`inside for ${socket.servername}`))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as net.AddressInfo
    await using rig = await startGatewayRig(
      `listeners: [{ kind: tls-passthrough, listen: '127.0.0.1:0', names: { one.example: a, '*.deep.example': b } }]`,
      { 'tcp/a': port, 'tcp/b': port },
    )
    const open = (servername: string) =>
      tls.connect({ port: rig.port, host: '127.0.0.1', servername, rejectUnauthorized: false })
    assert.equal(await text(open('one.example')), 'inside for one.example')
    assert.equal(await text(open('x.y.deep.example')), 'inside for x.y.deep.example')
    assert.deepEqual(rig.dials, ['tcp/a', 'tcp/b'])
    const [error] = await once(open('evil.example'), 'error')
    assert.match(error.code, /UNRECOGNIZED_NAME/)
    // Not TLS at all, and none at all.
    const plain = net.connect({ port: rig.port, host: '127.0.0.1' })
    plain.write('GET / HTTP/1.1\r\n\r\n')
    plain.on('error', () => {})
    await once(plain, 'close')
    server.close()
  })

  it('of UDP gives each client a stream of its own', async () => {
    await using rig = await startGatewayRig(
      `listeners: [{ kind: udp, listen: '127.0.0.1:0', service: dns }]`,
      {
        async 'udp/dns'() {
          const [near, far] = createStreamPair()
          far.on('error', () => {})
          const decoder = createDatagramDecoder()
          let count = 0
          far.on('data', (chunk: Buffer) => {
            for (const payload of decoder.push(chunk)) {
              count += 1
              far.write(encodeDatagrams([Buffer.from(`${count}: ${Buffer.from(payload)}`)]))
            }
          })
          return near
        },
      },
    )
    const clients = [dgram.createSocket('udp4'), dgram.createSocket('udp4')]
    const ask = async (client: dgram.Socket, words: string) => {
      const answer = once(client, 'message')
      client.send(words, rig.port, '127.0.0.1')
      return String((await answer)[0])
    }
    const [one, two] = clients as [dgram.Socket, dgram.Socket]
    assert.deepEqual(
      [await ask(one, 'a'), await ask(one, 'b'), await ask(two, 'c')],
      ['1: a', '2: b', '1: c'],
    )
    assert.deepEqual(rig.dials, ['udp/dns', 'udp/dns'])
    for (const client of clients) client.close()
  })
})
