import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EVENTS_PATH } from '../core/api/hub-api.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createFlooder } from '../testing/flooder.ts'
import { endure, type Flood, floodsOf, streamId } from '../testing/floods.ts'
import { request, reset } from '../testing/http2-frames.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { openTls } from '../testing/stranger.ts'

const FLOODS: readonly Flood[] = [
  ...floodsOf({ get: '/api/root', post: '/api/enroll' }),
  {
    what: 'event streams opened and reset',
    run: ({ flood }) =>
      flood(index => Buffer.concat([request(streamId(index), EVENTS_PATH), reset(streamId(index))]), 30_000),
    member: 'ended',
    stranger: 'ended',
  },
]

for (const role of ['member', 'stranger'] as const) {
  test(`hub outlives each flood by a ${role}, and others keep working`, async t => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const { service } = await hostEcho(host, 'tcp/echo')
    const neighbour = async () => assert.equal(await echo(guest, service, 'still here'), 'still here')
    for (const flood of FLOODS) {
      await t.test(flood.what, async t => {
        const certificate = role === 'member' ? await mesh.member() : undefined
        const flooder = createFlooder(await openTls(mesh.address, certificate && { certificate }))
        await endure(t, { flooder, flood, role, neighbour })
      })
    }
    // The members' own links were not touched; all is as before.
    assert.deepEqual(
      mesh.events.filter(({ event }) => event === 'link.lost'),
      [],
    )
  })
}
