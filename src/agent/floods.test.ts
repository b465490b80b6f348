import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import tls from 'node:tls'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { SESSION_TICKET_HEADER } from '../core/api/peer-api.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createFlooder } from '../testing/flooder.ts'
import { endure, type Flood, floodsOf, streamId } from '../testing/floods.ts'
import { FLAG, FRAME, frame, headerBlock, reset } from '../testing/http2-frames.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { openRelayTo } from '../testing/peer-visit.ts'

/** A dial, whose stream stays open. */
function connect(stream: number, ticket: string): Buffer {
  const fields = {
    ':method': 'CONNECT',
    ':authority': encodeURIComponent('tcp/echo'),
    [SESSION_TICKET_HEADER]: ticket,
  }
  return frame(FRAME.HEADERS, FLAG.END_HEADERS, stream, headerBlock(fields))
}

function dialFloods(ticket: string): readonly Flood[] {
  return [
    {
      what: 'dials that are broken off at once',
      run: ({ flood }) =>
        flood(index => Buffer.concat([connect(streamId(index), ticket), reset(streamId(index))]), 30_000),
      member: 'ended',
      stranger: 'ended',
    },
    {
      what: '10,000 dials without a good ticket',
      run: ({ flood }) => flood(index => connect(streamId(index), `x${ticket}`), 10_000),
      member: 'limited',
      stranger: 'ended',
    },
  ]
}

for (const [role, way] of [
  ['member', 'relay'],
  ['member', 'relay-h2'],
  ['stranger', 'relay'],
] as const) {
  test(`agent outlives each flood by a ${role} over ${way}, and others keep working`, async t => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const { service, open } = await hostEcho(host, 'tcp/echo')
    const neighbour = async () => assert.equal(await echo(guest, service, 'still here'), 'still here')
    const to = host.membership.self.endpoint
    for (const flood of [...floodsOf({ get: '/api/apps', post: '/api/certificate' }), ...dialFloods('')]) {
      await t.test(flood.what, async t => {
        const asker = await mesh.member()
        using relay = await openRelayTo({ hub: mesh.address, asker, to }, way)
        const { ticket } = await relay.hub.call(CONTROLLER_API.openSession, { body: { service } })
        const socket = tls.connect({
          socket: relay.connection,
          ALPNProtocols: ['h2'],
          rejectUnauthorized: false,
          ...(role === 'member' && { cert: asker.chainPem, key: asker.privateKeyPem }),
        })
        await once(socket, 'secureConnect')
        const same = dialFloods(ticket).find(({ what }) => what === flood.what)
        await endure(t, { flooder: createFlooder(socket), flood: same ?? flood, role, neighbour })
      })
    }
    assert.equal(await echo(guest, service, 'after all'), 'after all')
    assert.ok(open.size <= 1, `${open.size} streams are left`)
  })
}
