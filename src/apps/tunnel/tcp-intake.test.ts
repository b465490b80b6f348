import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import type { HostConnection } from '../../net/host-sockets.ts'
import { createTunnelRig, fateOf, readAll } from '../../testing/tunnel-rig.ts'
import { until } from '../../testing/until.ts'

const MIB = 1_048_576
/** What the buffers of Node and the kernel on the way hold, at the most. */
const BUFFERS_BYTES = 32 * MIB

/** Write `byteCount` bytes and end. @returns their SHA-256 */
async function sendBlocks(to: HostConnection, byteCount: number): Promise<string> {
  const hash = createHash('sha256')
  const block = randomBytes(MIB)
  for (let left = byteCount; left > 0; left -= block.length) {
    const piece = block.subarray(0, Math.min(left, block.length))
    block.writeUInt32LE(left, 0)
    const copy = Buffer.from(piece)
    hash.update(copy)
    if (!to.write(copy)) await once(to, 'drain')
  }
  to.end()
  return hash.digest('hex')
}

async function hashOf(from: HostConnection): Promise<{ byteCount: number; hash: string }> {
  const hash = createHash('sha256')
  let byteCount = 0
  for await (const chunk of from as AsyncIterable<Buffer>) {
    hash.update(chunk)
    byteCount += chunk.length
  }
  return { byteCount, hash: hash.digest('hex') }
}

describe('a TCP tunnel', () => {
  it('carries 50 MB each way at the same time, byte for byte', async () => {
    await using rig = await createTunnelRig()
    const far = Promise.withResolvers<{ received: { byteCount: number; hash: string }; sent: string }>()
    const target = await rig.target(async connection => {
      const [received, sent] = await Promise.all([hashOf(connection), sendBlocks(connection, 50_000_000)])
      far.resolve({ received, sent })
    })
    const client = await rig.connect(await rig.tunnel('bulk', target.address.port))
    const [received, sent] = await Promise.all([hashOf(client), sendBlocks(client, 50_000_000)])
    const other = await far.promise
    assert.deepEqual(received, { byteCount: 50_000_000, hash: other.sent })
    assert.deepEqual(other.received, { byteCount: 50_000_000, hash: sent })
    await until(
      async () => (await rig.showInbound('bulk')).connectionCount === 0,
      'the connection is forgotten',
    )
    const { sentBytes, receivedBytes, totalCount, failedCount } = await rig.showInbound('bulk')
    assert.deepEqual(
      { sentBytes, receivedBytes, totalCount, failedCount },
      { sentBytes: 50_000_000, receivedBytes: 50_000_000, totalCount: 1, failedCount: 0 },
    )
    const outbound = await rig.showOutbound('bulk')
    assert.deepEqual([outbound.sentBytes, outbound.receivedBytes], [50_000_000, 50_000_000])
  })

  it('passes on the end of either side first', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(async connection => {
      connection.end(`you said ${await readAll(connection)}`)
    })
    const greeter = await rig.target(connection => connection.end('hello'))
    const asking = await rig.connect(await rig.tunnel('ask', target.address.port))
    asking.end('a question')
    assert.equal(await readAll(asking), 'you said a question')
    const greeted = await rig.connect(await rig.tunnel('greet', greeter.address.port))
    assert.equal(await readAll(greeted), 'hello')
    assert.equal(greeted.writable, true)
    greeted.end('bye')
  })

  it('passes a reset on, both ways', async () => {
    await using rig = await createTunnelRig()
    const accepted = Promise.withResolvers<HostConnection>()
    const target = await rig.target(accepted.resolve)
    const port = await rig.tunnel('fragile', target.address.port)
    const client = await rig.connect(port)
    client.write('x')
    const connection = await accepted.promise
    const fate = fateOf(connection)
    client.reset()
    assert.equal(await fate, 'reset')
    const breaker = await rig.target(broken => broken.once('data', () => broken.reset()))
    const victim = await rig.connect(await rig.tunnel('breaker', breaker.address.port))
    victim.write('x')
    assert.equal(await fateOf(victim), 'reset')
  })

  it('stops a sender whose target never reads, and holds little', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(connection => connection.pause())
    const client = await rig.connect(await rig.tunnel('deaf', target.address.port))
    const block = Buffer.alloc(MIB)
    // The client's own buffer is not the tunnel's: write only what the kernel takes.
    while (client.bytesWritten - client.writableLength < 4 * BUFFERS_BYTES) {
      if (client.write(block)) continue
      const isDrained = await Promise.race([once(client, 'drain').then(() => true), stalled(client)])
      if (!isDrained) break
    }
    const { sentBytes } = await rig.showInbound('deaf')
    assert.ok(sentBytes > 0 && sentBytes < BUFFERS_BYTES, `${sentBytes} bytes taken`)
    const { receivedBytes } = await rig.showOutbound('deaf')
    assert.ok(receivedBytes < BUFFERS_BYTES, `${receivedBytes} bytes passed on`)
  })

  it('carries a fast connection at full speed beside one that is not read', async () => {
    await using rig = await createTunnelRig()
    const deaf = await rig.target(connection => connection.pause())
    const deafPort = await rig.tunnel('deaf', deaf.address.port)
    const stuck = await rig.connect(deafPort)
    stuck.write(Buffer.alloc(BUFFERS_BYTES))
    const received = Promise.withResolvers<{ byteCount: number }>()
    const quick = await rig.target(async connection => {
      received.resolve(await hashOf(connection))
      connection.end()
    })
    const client = await rig.connect(await rig.tunnel('quick', quick.address.port))
    await sendBlocks(client, 20 * MIB)
    assert.equal((await received.promise).byteCount, 20 * MIB)
    assert.ok(stuck.writableLength > 0, 'the other one is still stuck')
  })

  it('sends what the client says before the stream is open, in order and once', async () => {
    await using rig = await createTunnelRig()
    const received = Promise.withResolvers<{ byteCount: number; hash: string }>()
    const target = await rig.target(async connection => {
      received.resolve(await hashOf(connection))
      connection.end()
    })
    const port = await rig.tunnel('early', target.address.port)
    const release = rig.mesh.holdDials()
    const client = await rig.connect(port)
    const sending = sendBlocks(client, 3 * MIB)
    await until(() => rig.near.dials.length === 1, 'it is dialled')
    await until(async () => (await rig.showInbound('early')).sentBytes >= 65_536, 'early bytes are read')
    release()
    assert.deepEqual(await received.promise, { byteCount: 3 * MIB, hash: await sending })
  })

  it('keeps an end that comes before the stream is open', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(async connection => {
      connection.end((await readAll(connection)).toUpperCase())
    })
    const port = await rig.tunnel('brief', target.address.port)
    const release = rig.mesh.holdDials()
    const client = await rig.connect(port)
    client.end('brief')
    await until(async () => (await rig.showInbound('brief')).sentBytes === 5, 'the bytes are read')
    release()
    assert.equal(await readAll(client), 'BRIEF')
  })

  it('gives up dialling when the client goes away, without counting a failure', async () => {
    await using rig = await createTunnelRig()
    let acceptedCount = 0
    const target = await rig.target(() => {
      acceptedCount += 1
    })
    const port = await rig.tunnel('hasty', target.address.port)
    const release = rig.mesh.holdDials()
    const client = await rig.connect(port)
    await until(() => rig.near.dials.length === 1, 'it is dialled')
    client.reset()
    await until(async () => (await rig.showInbound('hasty')).connectionCount === 0, 'it is gone')
    release()
    const { failedCount, lastError } = await rig.showInbound('hasty')
    assert.deepEqual(
      { failedCount, lastError, acceptedCount },
      { failedCount: 0, lastError: undefined, acceptedCount: 0 },
    )
  })

  it('resets the connection when the dial fails, counts it and logs it once in a while', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(() => {})
    const port = await rig.tunnel('gone', target.address.port)
    rig.near.faults.dial = new MeshError('offline', 'Cannot dial "tcp/gone": its endpoints are offline')
    for (let i = 0; i < 5; i++) assert.equal(await rig.fateOfNext(port), 'reset')
    await until(async () => (await rig.showInbound('gone')).connectionCount === 0, 'all are closed')
    const { totalCount, failedCount, lastError } = await rig.showInbound('gone')
    const reason = 'Cannot dial "tcp/gone": its endpoints are offline'
    assert.deepEqual(
      { totalCount, failedCount, lastError },
      { totalCount: 5, failedCount: 5, lastError: reason },
    )
    rig.mesh.timers.advance(10_000)
    await rig.fateOfNext(port)
    assert.deepEqual(rig.near.log.fieldsOf('tunnel.dial-failed'), [
      { service: 'tcp/gone', code: 'offline', reason },
      { service: 'tcp/gone', code: 'offline', reason, repeatCount: 4 },
    ])
  })

  it('refuses a connection over the limit and keeps the others', async () => {
    await using rig = await createTunnelRig({ maxConnections: 2 })
    const target = await rig.target(connection => connection.pipe(connection))
    const port = await rig.tunnel('small', target.address.port)
    const kept = [await rig.connect(port), await rig.connect(port)]
    assert.equal(await rig.fateOfNext(port), 'reset')
    assert.match((await rig.showInbound('small')).lastError ?? '', /2 are open: close some/)
    for (const connection of kept) {
      connection.end('still here')
      assert.equal(await readAll(connection), 'still here')
    }
    await until(async () => (await rig.showInbound('small')).connectionCount === 0, 'there is room again')
    const next = await rig.connect(port)
    next.end('room again')
    assert.equal(await readAll(next), 'room again')
  })

  it('leaves nothing behind after 1,000 connections', async () => {
    await using rig = await createTunnelRig()
    const target = await rig.target(connection => connection.pipe(connection))
    const port = await rig.tunnel('many', target.address.port)
    const before = process.getActiveResourcesInfo().length
    for (let round = 0; round < 10; round++) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const client = await rig.connect(port)
          if (i % 4 === 0) {
            client.write('x')
            await once(client, 'data')
            client.reset()
            return
          }
          client.end('x')
          assert.equal(await readAll(client), 'x')
        }),
      )
    }
    await until(
      async () =>
        (await rig.showInbound('many')).connectionCount + (await rig.showOutbound('many')).connectionCount ===
        0,
      'all are closed',
    )
    await until(() => process.getActiveResourcesInfo().length <= before, 'no handle is left')
    const { totalCount, failedCount } = await rig.showInbound('many')
    assert.deepEqual([totalCount, failedCount], [1_000, 0])
  })
})

/** Resolves with false when nothing was written for a while. */
async function stalled(client: HostConnection): Promise<false> {
  for (let last = -1; last !== client.bytesWritten - client.writableLength; ) {
    last = client.bytesWritten - client.writableLength
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  return false
}
