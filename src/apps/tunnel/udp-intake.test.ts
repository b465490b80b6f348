import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MeshError } from '../../core/model/errors.ts'
import { parseServiceName } from '../../core/model/names.ts'
import { bindUdp, connectUdp, type HostUdpFlow, type HostUdpPort } from '../../net/host-sockets.ts'
import { createTunnelRig, type TunnelRig } from '../../testing/tunnel-rig.ts'
import { until } from '../../testing/until.ts'
import type { TunnelLimits } from './limits.ts'
import { TUNNEL_API } from './messages.ts'

/** A UDP program that hears and may answer. */
interface UdpTarget extends HostUdpPort {
  readonly heard: string[]
}

interface UdpClient extends HostUdpFlow {
  readonly heard: Buffer[]
  say(text: string | Buffer): void
}

/** A rig with clients and targets of UDP that end with it. */
async function createUdpRig(limits: Partial<TunnelLimits> = {}) {
  const rig = await createTunnelRig(limits)
  const opened: AsyncDisposable[] = []
  return {
    rig,
    async target(
      answer: (bytes: Uint8Array) => Uint8Array | undefined,
      host = '127.0.0.1',
    ): Promise<UdpTarget> {
      const heard: string[] = []
      const port = await bindUdp({ host, port: 0 }, (bytes, from) => {
        heard.push(Buffer.from(bytes).toString())
        const reply = answer(bytes)
        if (reply !== undefined) port.send(reply, from)
      })
      opened.push(port)
      return { ...port, heard, send: port.send, [Symbol.asyncDispose]: port[Symbol.asyncDispose] }
    },
    async client(port: number, host = '127.0.0.1'): Promise<UdpClient> {
      const heard: Buffer[] = []
      const flow = await connectUdp({ host, port }, { onDatagram: bytes => heard.push(Buffer.from(bytes)) })
      opened.push(flow)
      return {
        ...flow,
        heard,
        say: text => flow.send(Buffer.from(text)),
        [Symbol.asyncDispose]: flow[Symbol.asyncDispose],
      }
    },
    async tunnel(...targets: UdpTarget[]): Promise<number> {
      const addresses = targets.map(({ address }) => ({ host: address.host, port: address.port }))
      await rig.outbound('dns', { targets: addresses }, 'udp')
      const { listens } = await rig.inbound('dns', { listens: [{ port: 0 }] }, 'udp')
      return listens[0]?.port ?? 0
    },
    inbound: () => rig.showInbound('dns', 'udp'),
    outbound: () => rig.showOutbound('dns', 'udp'),
    async [Symbol.asyncDispose]() {
      await rig[Symbol.asyncDispose]()
      for (const one of opened) await one[Symbol.asyncDispose]()
    },
  }
}

const echo = (bytes: Uint8Array) => bytes
const closeEnd = (rig: TunnelRig, end: 'closeInbound' | 'closeOutbound') =>
  end === 'closeInbound'
    ? rig.nearApp.call(TUNNEL_API[end], { params: { endpoint: 'near', protocol: 'udp', name: 'dns' } })
    : rig.farApp.call(TUNNEL_API[end], { params: { endpoint: 'far', protocol: 'udp', name: 'dns' } })

describe('a UDP tunnel', () => {
  it('carries datagrams of every length both ways, and counts them', async () => {
    await using udp = await createUdpRig()
    const client = await udp.client(await udp.tunnel(await udp.target(echo)))
    const lengths = [0, 1, 512, 1_472, 9_000, 65_507]
    for (const [i, length] of lengths.entries()) {
      client.say(Buffer.alloc(length, i))
      await until(() => client.heard.length === i + 1, `${length} bytes are back`)
      assert.ok(client.heard[i]?.equals(Buffer.alloc(length, i)))
    }
    const sum = lengths.reduce((a, b) => a + b)
    const { sentBytes, receivedBytes, totalCount, connectionCount, droppedCount } = await udp.inbound()
    assert.deepEqual(
      { sentBytes, receivedBytes, totalCount, connectionCount, droppedCount },
      { sentBytes: sum, receivedBytes: sum, totalCount: 1, connectionCount: 1, droppedCount: 0 },
    )
    const outbound = await udp.outbound()
    assert.deepEqual(
      [outbound.sentBytes, outbound.receivedBytes, outbound.targets[0]?.connectionCount],
      [sum, sum, 1],
    )
  })

  it('works over IPv6 at both ends', async () => {
    await using udp = await createUdpRig()
    const target = await udp.target(echo, '::1')
    await udp.rig.outbound('dns', { targets: [{ host: '::1', port: target.address.port }] }, 'udp')
    const { listens } = await udp.rig.inbound('dns', { listens: [{ ip: '*', port: 0 }] }, 'udp')
    for (const host of ['::1', '127.0.0.1']) {
      const client = await udp.client(listens[0]?.port ?? 0, host)
      client.say(host)
      await until(() => client.heard.length === 1, 'the answer is back')
      assert.equal(String(client.heard[0]), host)
    }
  })

  it('gives every client a flow of its own', async () => {
    await using udp = await createUdpRig()
    const port = await udp.tunnel(await udp.target(bytes => Buffer.from(`${Buffer.from(bytes)}!`)))
    const clients = await Promise.all(Array.from({ length: 20 }, () => udp.client(port)))
    for (const [i, client] of clients.entries()) client.say(`I am ${i}`)
    await until(() => clients.every(({ heard }) => heard.length === 1), 'all have their answer')
    assert.deepEqual(
      clients.map(({ heard }) => String(heard[0])),
      clients.map((_, i) => `I am ${i}!`),
    )
    assert.equal((await udp.inbound()).connectionCount, 20)
  })

  it('sends the first datagrams with the dial, and keeps the newest of the others in a bounded queue', async () => {
    await using udp = await createUdpRig({ maxQueuedCount: 8 })
    const target = await udp.target(() => undefined)
    const port = await udp.tunnel(target)
    const release = udp.rig.mesh.holdDials()
    const client = await udp.client(port)
    const names = Array.from({ length: 40 }, (_, i) => `${i}`.padEnd(4_096, '.'))
    for (const [i, name] of names.entries()) {
      client.say(name)
      await until(async () => (await udp.inbound()).sentBytes === 4_096 * (i + 1), 'it is taken')
    }
    release()
    await until(() => target.heard.length === 12, 'what was kept arrives')
    // 16 KiB of early bytes, and the newest eight.
    assert.deepEqual(target.heard, [...names.slice(0, 4), ...names.slice(32)])
    assert.equal((await udp.inbound()).droppedCount, 28)
  })

  it('holds no more than its budget for all flows together', async () => {
    await using udp = await createUdpRig({ maxQueuedBytesTogether: 10_000 })
    const port = await udp.tunnel(await udp.target(() => undefined))
    udp.rig.mesh.holdDials()
    const clients = await Promise.all(Array.from({ length: 4 }, () => udp.client(port)))
    // Too long for early bytes.
    for (const client of clients) client.say(Buffer.alloc(20_000))
    await until(async () => (await udp.inbound()).sentBytes === 80_000, 'all are taken')
    assert.equal((await udp.inbound()).droppedCount, 4)
  })

  it('dials once a second for a client whose dial fails, and drops what it sends', async () => {
    await using udp = await createUdpRig()
    const port = await udp.tunnel(await udp.target(echo))
    udp.rig.near.faults.dial = new MeshError('offline', 'Cannot dial: nobody is there')
    const client = await udp.client(port)
    for (let i = 0; i < 10; i++) {
      client.say('anybody?')
      await until(async () => (await udp.inbound()).sentBytes === 8 * (i + 1), 'it is taken')
    }
    assert.equal(udp.rig.near.dials.length, 1)
    assert.equal((await udp.inbound()).failedCount, 1)
    udp.rig.near.faults.dial = undefined
    udp.rig.mesh.timers.advance(1_000)
    assert.equal((await udp.inbound()).connectionCount, 0)
    client.say('now?')
    await until(() => client.heard.length === 1, 'the answer is back')
    assert.equal(udp.rig.near.dials.length, 2)
  })
})

describe('a flow', () => {
  it('ends after 60 s without a datagram, after 300 s once it is a conversation', async () => {
    await using udp = await createUdpRig()
    const port = await udp.tunnel(await udp.target(echo))
    const [asked, talks] = [await udp.client(port), await udp.client(port)]
    asked.say('one question')
    talks.say('hello')
    await until(() => asked.heard.length + talks.heard.length === 2, 'both are answered')
    talks.say('again')
    await until(() => talks.heard.length === 2, 'it is answered')
    const counts = async () => [(await udp.inbound()).connectionCount, (await udp.outbound()).connectionCount]
    udp.rig.mesh.timers.advance(50_000)
    assert.deepEqual(await counts(), [2, 2])
    udp.rig.mesh.timers.advance(20_000)
    assert.deepEqual(await counts(), [1, 1])
    udp.rig.mesh.timers.advance(200_000)
    assert.deepEqual(await counts(), [1, 1])
    udp.rig.mesh.timers.advance(50_000)
    assert.deepEqual(await counts(), [0, 0])
    assert.equal(udp.rig.mesh.timers.pendingCount, 0, 'nothing runs while there is no flow')
    talks.say('and again')
    await until(() => talks.heard.length === 3, 'a new flow is made')
  })

  it('stays while datagrams go one way', async () => {
    await using udp = await createUdpRig()
    const target = await udp.target(() => undefined)
    const client = await udp.client(await udp.tunnel(target))
    for (let i = 1; i <= 10; i++) {
      client.say('log line')
      await until(() => target.heard.length === i, 'it is heard')
      udp.rig.mesh.timers.advance(59_000)
    }
    assert.deepEqual([(await udp.inbound()).totalCount, (await udp.inbound()).connectionCount], [1, 1])
  })

  it('makes room for a new one when it is the one idle longest', async () => {
    await using udp = await createUdpRig({ maxFlows: 2 })
    const target = await udp.target(echo)
    const port = await udp.tunnel(target)
    const clients = [await udp.client(port), await udp.client(port), await udp.client(port)]
    const [first, second, third] = clients as [UdpClient, UdpClient, UdpClient]
    for (const client of [first, second]) {
      client.say('x')
      await until(() => client.heard.length === 1, 'it is answered')
    }
    udp.rig.mesh.timers.advance(500)
    first.say('x')
    await until(() => first.heard.length === 2, 'it is answered')
    third.say('too early: all were heard of in the last second')
    await until(async () => (await udp.inbound()).droppedCount === 1, 'it is dropped')
    assert.match((await udp.inbound()).lastError ?? '', /2 are in use/)
    udp.rig.mesh.timers.advance(500)
    third.say('now the second makes room')
    await until(() => third.heard.length === 1, 'it is answered')
    assert.equal((await udp.inbound()).connectionCount, 2)
    first.say('x')
    await until(() => first.heard.length === 3, 'it is answered')
    assert.equal((await udp.inbound()).totalCount, 4)
  })

  it('ends at both ends when the inbound is closed', async () => {
    await using udp = await createUdpRig()
    const client = await udp.client(await udp.tunnel(await udp.target(echo)))
    client.say('x')
    await until(() => client.heard.length === 1, 'it is answered')
    await closeEnd(udp.rig, 'closeInbound')
    await until(async () => (await udp.outbound()).connectionCount === 0, 'the other end is gone')
    assert.equal(udp.rig.mesh.timers.pendingCount, 0)
  })

  it('ends at both ends when the outbound is closed', async () => {
    await using udp = await createUdpRig()
    const client = await udp.client(await udp.tunnel(await udp.target(echo)))
    client.say('x')
    await until(() => client.heard.length === 1, 'it is answered')
    await closeEnd(udp.rig, 'closeOutbound')
    await until(async () => (await udp.inbound()).connectionCount === 0, 'the other end is gone')
    assert.equal(udp.rig.mesh.timers.pendingCount, 0)
  })

  it('goes to another target when nobody listens at the first', async () => {
    await using udp = await createUdpRig()
    const dead = await udp.target(echo)
    const alive = await udp.target(echo)
    const port = await udp.tunnel(dead, alive)
    await dead[Symbol.asyncDispose]()
    const client = await udp.client(port)
    client.say('lost')
    await until(async () => (await udp.outbound()).targets[0]?.health === 'down', 'it is known to be down')
    await until(async () => (await udp.inbound()).connectionCount === 0, 'the flow has ended')
    client.say('found')
    await until(() => client.heard.length === 1, 'it is answered')
    const { health, targets } = await udp.outbound()
    assert.deepEqual([health, targets.map(target => target.health)], ['partly', ['down', 'up']])
    assert.match(targets[0]?.lastError ?? '', /nothing listens there/)
  })

  it('is broken off when the other end sends what is no datagram', async () => {
    await using udp = await createUdpRig()
    const service = parseServiceName('udp/dns')
    const closed = Promise.withResolvers<void>()
    await udp.rig.far.host(udp.rig.app).serve(service, {
      access: { users: [], entrances: [] },
      onStream: incoming => {
        const stream = incoming.accept()
        stream.on('error', () => {})
        stream.once('close', closed.resolve)
        stream.write(Buffer.from([0xff, 0xff]))
        stream.resume()
      },
    })
    const { listens } = await udp.rig.inbound('dns', { listens: [{ port: 0 }] }, 'udp')
    const client = await udp.client(listens[0]?.port ?? 0)
    client.say('x')
    await closed.promise
    await until(async () => (await udp.inbound()).connectionCount === 0, 'the flow has ended')
  })

  it('loses datagrams, not memory, when the other end does not read', async () => {
    await using udp = await createUdpRig()
    const streams: AsyncIterator<unknown>[] = []
    await udp.rig.far.host(udp.rig.app).serve(parseServiceName('udp/dns'), {
      access: { users: [], entrances: [] },
      onStream: incoming => {
        // Accepted and never read.
        const stream = incoming.accept()
        stream.on('error', () => {})
        streams.push(stream.iterator())
      },
    })
    const { listens } = await udp.rig.inbound('dns', { listens: [{ port: 0 }] }, 'udp')
    const client = await udp.client(listens[0]?.port ?? 0)
    for (let i = 1; i <= 100; i++) {
      client.say(Buffer.alloc(20_000))
      await until(async () => (await udp.inbound()).sentBytes === 20_000 * i, 'it is taken')
    }
    assert.equal(streams.length, 1)
    // 256 KiB wait, about as much is in the stream; the rest of 2 MB is lost.
    const { droppedCount } = await udp.inbound()
    assert.ok(droppedCount > 70 && droppedCount < 90, `${droppedCount} are lost`)
  })
})
