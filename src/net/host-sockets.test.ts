import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import type { Target } from '../core/model/address.ts'
import { MeshError } from '../core/model/errors.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import {
  bindUdp,
  connectTcp,
  connectUdp,
  type HostConnection,
  type HostPort,
  listenTcp,
} from './host-sockets.ts'
import { listen } from './hub-port.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const withCode = (code: string, message?: RegExp) => (error: unknown) =>
  error instanceof MeshError && error.code === code && (message === undefined || message.test(error.message))

/** A listener and the two ends of one connection to it. */
async function connectPair(at = LOOPBACK) {
  const { promise, resolve } = Promise.withResolvers<HostConnection>()
  const listener = await listenTcp(at, resolve)
  const near = await connectTcp({ kind: 'address', ...listener.address }, { timeoutMs: 5_000 })
  return { listener, near, far: await promise }
}

async function close(...ends: (HostConnection | HostPort)[]): Promise<void> {
  for (const end of ends) {
    if ('destroy' in end) end.destroy()
    else await end[Symbol.asyncDispose]()
  }
}

async function text(connection: HostConnection): Promise<string> {
  return Buffer.concat(await connection.toArray()).toString()
}

describe('listenTcp()', () => {
  it('accepts connections that may be half open', async () => {
    const { listener, near, far } = await connectPair()
    near.end('question')
    assert.equal(await text(far), 'question')
    far.end('answer')
    assert.equal(await text(near), 'answer')
    await close(listener)
  })

  it('says where a connection comes from, the same for IPv4 on a port of both families', async () => {
    const { listener, near, far } = await connectPair({ host: '*', port: 0 })
    assert.match(far.remote(), /^\[::1\]:\d+$|^127\.0\.0\.1:\d+$/)
    near.destroy()
    const { promise, resolve } = Promise.withResolvers<HostConnection>()
    const other = await listenTcp({ host: '*', port: 0 }, resolve)
    const client = await connectTcp(
      { kind: 'address', host: '127.0.0.1', port: other.address.port },
      { timeoutMs: 5_000 },
    )
    const accepted = await promise
    assert.match(accepted.remote(), /^127\.0\.0\.1:\d+$/)
    await close(far, client, accepted, listener, other)
  })

  it('throws `port-in-use` with the address when the port is taken', async () => {
    const first = await listenTcp(LOOPBACK, connection => connection.destroy())
    const { port } = first.address
    await assert.rejects(
      listenTcp({ host: '127.0.0.1', port }, () => {}),
      withCode('port-in-use', new RegExp(`127\\.0\\.0\\.1:${port}`)),
    )
    await close(first)
    await close(await listenTcp({ host: '127.0.0.1', port }, () => {}))
  })

  it('throws `bad-input` for a host that Node would take for every address', async () => {
    await assert.rejects(
      listenTcp({ host: '', port: 0 }, () => {}),
      withCode('bad-input'),
    )
    await assert.rejects(
      listenTcp({ host: 'a\0b', port: 0 }, () => {}),
      withCode('bad-input'),
    )
  })

  it('stops accepting at once when disposed and leaves open connections alone', async () => {
    const { listener, near, far } = await connectPair()
    await close(listener)
    await assert.rejects(
      connectTcp({ kind: 'address', ...listener.address }, { timeoutMs: 5_000 }),
      withCode('unreachable'),
    )
    near.end('still here')
    assert.equal(await text(far), 'still here')
    await close(near, far)
  })
})

describe('connectTcp()', () => {
  it('connects over IPv6', async () => {
    const { listener, near, far } = await connectPair({ host: '::1', port: 0 })
    assert.equal(near.remote(), `[::1]:${listener.address.port}`)
    await close(near, far, listener)
  })

  it('connects to a unix socket, whose reset closes it', async () => {
    using folder = makeScratchFolder()
    const { createServer } = await import('node:net')
    const server = createServer({ allowHalfOpen: true }, socket => socket.pipe(socket))
    await listen(server, { path: folder.file('echo') })
    const target: Target = { kind: 'unix', path: folder.file('echo') }
    const connection = await connectTcp(target, { timeoutMs: 5_000 })
    assert.equal(connection.remote(), `unix:${target.path}`)
    connection.end('over a file')
    assert.equal(await text(connection), 'over a file')
    const second = await connectTcp(target, { timeoutMs: 5_000 })
    second.reset()
    assert.equal(second.destroyed, true)
    await new Promise(resolve => server.close(resolve))
  })

  it('throws the code that fits', async () => {
    const closed = await listenTcp(LOOPBACK, () => {})
    await close(closed)
    await assert.rejects(
      connectTcp({ kind: 'address', ...closed.address }, { timeoutMs: 5_000 }),
      withCode('unreachable', /nothing listens there/),
    )
    await assert.rejects(
      connectTcp({ kind: 'unix', path: '/no/such/socket' }, { timeoutMs: 5_000 }),
      withCode('not-found'),
    )
    await assert.rejects(
      connectTcp({ kind: 'address', host: 'a\0b', port: 9 }, { timeoutMs: 5_000 }),
      withCode('bad-input'),
    )
  })

  it('gives up when told to', async () => {
    const listener = await listenTcp(LOOPBACK, connection => connection.destroy())
    const target: Target = { kind: 'address', ...listener.address }
    await assert.rejects(
      connectTcp(target, { timeoutMs: 5_000, signal: AbortSignal.abort() }),
      withCode('timed-out', /given up/),
    )
    await close(listener)
  })

  it('passes a reset on, both ways', async () => {
    for (const breaker of ['near', 'far'] as const) {
      const pair = await connectPair()
      const [one, other] = breaker === 'near' ? [pair.near, pair.far] : [pair.far, pair.near]
      const failed = once(other, 'error')
      other.resume()
      one.reset()
      const [error] = await failed
      assert.equal((error as NodeJS.ErrnoException).code, 'ECONNRESET')
      await close(pair.listener)
    }
  })
})

describe('bindUdp() and connectUdp()', () => {
  it('carry datagrams of every length both ways', async () => {
    for (const host of ['127.0.0.1', '::1']) {
      const port = await bindUdp({ host, port: 0 }, (bytes, from) => port.send(bytes, from))
      for (const length of [0, 1, 1_472, 65_507]) {
        const { promise, resolve } = Promise.withResolvers<Uint8Array>()
        const flow = await connectUdp({ host, port: port.address.port }, { onDatagram: resolve })
        const sent = Buffer.alloc(length, length % 251)
        flow.send(sent)
        assert.ok(sent.equals(await promise), `${length} bytes to ${host}`)
        await flow[Symbol.asyncDispose]()
      }
      await port[Symbol.asyncDispose]()
    }
  })

  it('take both families on `*`', async () => {
    const port = await bindUdp({ host: '*', port: 0 }, (bytes, from) => port.send(bytes, from))
    for (const host of ['127.0.0.1', '::1']) {
      const { promise, resolve } = Promise.withResolvers<Uint8Array>()
      const flow = await connectUdp({ host, port: port.address.port }, { onDatagram: resolve })
      flow.send(Buffer.from(host))
      assert.equal(Buffer.from(await promise).toString(), host)
      await flow[Symbol.asyncDispose]()
    }
    await port[Symbol.asyncDispose]()
  })

  it('throw `port-in-use` when the port is taken', async () => {
    const first = await bindUdp(LOOPBACK, () => {})
    await assert.rejects(
      bindUdp(first.address, () => {}),
      withCode('port-in-use'),
    )
    await first[Symbol.asyncDispose]()
  })

  it('say when nobody listens, and do nothing after being disposed', async () => {
    const gone = await bindUdp(LOOPBACK, () => {})
    await gone[Symbol.asyncDispose]()
    gone.send(Buffer.from('x'), LOOPBACK)
    const { promise, resolve } = Promise.withResolvers<MeshError>()
    const flow = await connectUdp(gone.address, { onDatagram() {}, onUnreachable: resolve })
    flow.send(Buffer.from('anybody?'))
    assert.equal((await promise).code, 'unreachable')
    await flow[Symbol.asyncDispose]()
    await flow[Symbol.asyncDispose]()
    flow.send(Buffer.from('x'))
  })
})

it('connectTcp() and connectUdp() use no address that is not let through, by whatever name it is asked for', async t => {
  const server = await listenTcp({ host: '127.0.0.1', port: 0 }, connection => connection.resume().end('hi'))
  t.after(() => server[Symbol.asyncDispose]())
  const { port } = server.address
  const asked: string[] = []
  const mayUse = (ip: string) => {
    asked.push(ip)
    return false
  }
  for (const host of ['127.0.0.1', 'localhost', '::ffff:127.0.0.1', '0x7f000001', '127.1']) {
    const to = { kind: 'address', host, port } as const
    await assert.rejects(connectTcp(to, { timeoutMs: 5_000, mayUse }), { code: 'denied' }, host)
    await assert.rejects(connectUdp(to, { onDatagram: () => {}, mayUse }), { code: 'denied' }, host)
  }
  assert.ok(asked.includes('127.0.0.1'))
  const only4 = (ip: string) => ip === '127.0.0.1'
  const connection = await connectTcp(
    { kind: 'address', host: 'localhost', port },
    { timeoutMs: 5_000, mayUse: only4 },
  )
  assert.equal(Buffer.concat(await connection.toArray()).toString(), 'hi')
  connection.end()
})
