import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import { parseServiceName } from '../core/model/names.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'

const SERVICE = parseServiceName('tcp/echo')

test('a session goes over the link when the network lets only TLS pass', async () => {
  await using mesh = await createLocalMesh()
  await using proxy = await listenForTlsOnly(mesh.hub.address.port)
  const permit = JSON.stringify({ ...JSON.parse(mesh.permit), bootstraps: [proxy.address] })
  const home = await mesh.join('home', { permit })
  const work = await mesh.join('work', { permit })
  await home.host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream: incoming => {
      const stream = incoming.accept()
      stream.pipe(stream)
    },
  })
  const dialing = work.host.dial(SERVICE)
  dialing.write(Buffer.from('over the link'))
  const { stream } = await dialing.opened
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  assert.equal(String((await chunks.next()).value), 'over the link')
  assert.deepEqual(
    work.membership.peers.all.map(({ path }) => path),
    ['relay-h2'],
  )
  assert.ok(proxy.refusedCount() > 0, 'the ticket relay was never tried')

  // Much data, so that windows and frames of both layers come into play.
  const sent = Buffer.alloc(8 * 1_048_576, 'relay')
  let received = 0
  stream.write(sent)
  while (received < sent.length) received += (await chunks.next()).value.length
  assert.equal(received, sent.length)
  stream.destroy()
})

/** A firewall: passes connections that begin as TLS does, breaks all others. */
async function listenForTlsOnly(port: number) {
  let refusedCount = 0
  const sockets = new Set<net.Socket>()
  const server = net.createServer(client => {
    sockets.add(client)
    client.on('error', () => {})
    client.once('data', first => {
      client.pause()
      if (first[0] !== 0x16) {
        refusedCount += 1
        client.resetAndDestroy()
        return
      }
      const hub = net.connect(port, '127.0.0.1')
      sockets.add(hub)
      hub.on('error', () => client.destroy())
      hub.once('close', () => client.destroy())
      client.once('close', () => hub.destroy())
      hub.write(first)
      client.pipe(hub).pipe(client)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    address: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    refusedCount: () => refusedCount,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
