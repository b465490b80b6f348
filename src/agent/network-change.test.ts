import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { parseServiceName } from '../core/model/names.ts'
import type { PathKind } from '../core/path/path-kind.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { layWire } from '../testing/wire.ts'

// What an agent does when the network under its connections changes or dies without a word.

const SERVICE = parseServiceName('tcp/echo')
const LOOPBACK = new Set(['127.0.0.1', '::1'])

for (const path of ['direct', 'relay', 'relay-h2'] as const) {
  test(`path ${path}: sessions and link from an address that is gone end at once, and the stream goes on`, async () => {
    await using mesh = await createLocalMesh({ paths: [path] })
    const { guest, stream } = await openEcho(mesh, path)
    const { link, peers } = guest.membership
    const before = [link.session, ...peers.all.map(({ session }) => session)]
    // Also addresses that a computer may have beside: whichever the kernel chose.
    const gone = new Set([...LOOPBACK, ...peers.all.flatMap(({ localAddress }) => localAddress ?? [])])
    guest.membership.networkChanged({ gone })
    assert.deepEqual(
      before.map(session => session?.destroyed ?? true),
      before.map((_, index) => index === 0 || path !== 'relay-h2'),
    )
    await echoes(stream, 'after')
    assert.ok(!before.includes(peers.all[0]?.session))
  })
}

test('what was opened from another address stays when one is gone', async () => {
  await using mesh = await createLocalMesh()
  const { guest, stream } = await openEcho(mesh, 'relay')
  const { link, peers } = guest.membership
  const [session, linked] = [peers.all[0]?.session, link.session]
  guest.membership.networkChanged({ gone: new Set(['192.0.2.1']) })
  await echoes(stream, 'after')
  assert.deepEqual([peers.all[0]?.session, link.session], [session, linked])
})

test('a path that dies without a word while bytes are under way is given up, with the link by the same way', async () => {
  await using mesh = await createLocalMesh()
  await using wire = await layWire(mesh.address)
  const { guest, stream } = await openEcho(mesh, 'relay', mesh.permitVia(wire.address, mesh.address))
  const { link, peers } = guest.membership
  const before = [peers.all[0]?.session, link.session]
  wire.freeze()
  await echoes(stream, 'after')
  assert.deepEqual(
    before.map(session => session?.destroyed),
    [true, true],
  )
})

/** A stream from a guest to a host that sends everything back, over that path. */
async function openEcho(
  mesh: LocalMesh,
  path: PathKind,
  permit?: string,
): Promise<{ guest: LocalAgent; stream: Duplex }> {
  const [host, guest] = [await mesh.join('host'), await mesh.join('guest', permit ? { permit } : {})]
  await host.host.serve(SERVICE, {
    access: { users: [], entrances: [] },
    onStream: incoming => {
      const far = incoming.accept()
      far.on('error', () => {})
      far.pipe(far)
    },
  })
  const { stream } = await guest.host.dial(SERVICE).opened
  stream.on('error', () => {})
  await echoes(stream, 'before')
  await until(() => guest.membership.peers.all[0]?.path === path, `the path is ${path}`)
  return { guest, stream }
}

/** Resolves when these bytes have come back. */
async function echoes(stream: Duplex, text: string): Promise<void> {
  let came = ''
  const back = new Promise<void>((resolve, reject) => {
    stream.once('close', () => reject(new Error('the stream broke')))
    stream.on('data', (chunk: Buffer) => {
      came += chunk.toString()
      if (came === text) resolve()
    })
  })
  stream.write(text)
  await back
  stream.removeAllListeners('data').removeAllListeners('close')
}
