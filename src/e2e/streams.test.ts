import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { residentMebibytes } from '../testing/memory.ts'
import type { Daemon } from '../testing/process-mesh.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

// How a tunnelled TCP connection behaves, by the bytes and by what it costs.

let lab: TunnelLab
let daemons: Daemon[] = []

before(async () => {
  lab = await createTunnelLab()
  daemons = [...lab.daemons]
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

test('half-close: the client ends first and still gets the whole answer', async () => {
  await using target = await listen(socket => {
    let count = 0
    socket.on('data', chunk => {
      count += chunk.length
    })
    socket.on('end', () => socket.end(`got ${count}`))
  })
  const socket = net.connect({ port: await lab.tunnel('tcp/client-first', target.at), allowHalfOpen: true })
  socket.end('x'.repeat(100_000))
  assert.equal(await readAll(socket), 'got 100000')
})

test('half-close: the server ends first and still gets the whole question', async () => {
  let asked = ''
  const heard = Promise.withResolvers<string>()
  await using target = await listen(socket => {
    socket.end('bye')
    socket.on('data', chunk => {
      asked += chunk
    })
    socket.on('end', () => heard.resolve(asked))
  })
  const socket = net.connect({ port: await lab.tunnel('tcp/server-first', target.at), allowHalfOpen: true })
  assert.equal(await readAll(socket), 'bye')
  socket.end('y'.repeat(100_000))
  assert.equal((await heard.promise).length, 100_000)
})

test('a reset passes through in both directions', async () => {
  const arrivals: ((socket: net.Socket) => void)[] = []
  await using target = await listen(socket => {
    socket.on('error', () => {})
    socket.once('data', () => arrivals.shift()?.(socket))
  })
  const port = await lab.tunnel('tcp/reset', target.at)
  const connect = async () => {
    const arrived = new Promise<net.Socket>(resolve => arrivals.push(resolve))
    const near = net.connect(port)
    near.write('x')
    return { near, far: await arrived }
  }
  const errorOf = (socket: net.Socket) => new Promise<Error>(resolve => socket.once('error', resolve))

  const first = await connect()
  const atNear = errorOf(first.near)
  first.far.resetAndDestroy()
  assert.match((await atNear).message, /ECONNRESET/)

  const second = await connect()
  const atFar = errorOf(second.far)
  second.near.resetAndDestroy()
  assert.match((await atFar).message, /ECONNRESET/)
})

test('a target that never reads stops its sender, and no process grows by more than 16 MiB', async () => {
  await using target = await listen(socket => {
    socket.pause()
    socket.on('error', () => {})
  })
  const port = await lab.tunnel('tcp/never-reads', target.at)
  const before = await memories(daemons)
  const socket = net.connect(port)
  socket.on('error', () => {})
  const block = Buffer.alloc(1_048_576)
  let acceptedMebibytes = 0
  // As long as the tunnel takes more; it must stop long before 2 GB.
  while (acceptedMebibytes < 2_000) {
    const isTaken = await new Promise<boolean>(resolve => {
      const timer = setTimeout(resolve, 2_000, false)
      socket.write(block, () => {
        clearTimeout(timer)
        resolve(true)
      })
    })
    if (!isTaken) break
    acceptedMebibytes += 1
  }
  const grown = (await memories(daemons)).map((memory, i) => memory - (before[i] ?? 0))
  socket.destroy()
  assert.ok(acceptedMebibytes < 64, `${acceptedMebibytes} MiB were taken for a target that reads nothing`)
  for (const [i, mebibytes] of grown.entries()) {
    assert.ok(mebibytes < 16, `${daemons[i]?.name} grew by ${mebibytes.toFixed(1)} MiB`)
  }
})

test('a slow reader does not stall its neighbours', async () => {
  await using target = await listen(socket => {
    socket.on('error', () => {})
    const block = Buffer.alloc(65_536)
    const more = () => {
      while (socket.writable && socket.write(block));
    }
    socket.on('drain', more)
    more()
  })
  const port = await lab.tunnel('tcp/bulk', target.at)
  const slow = Array.from({ length: 4 }, () => net.connect(port).pause())
  await Promise.all(slow.map(socket => once(socket, 'connect')))
  const quick = net.connect(port)
  let received = 0
  for await (const chunk of quick) {
    received += (chunk as Buffer).length
    if (received > 100 * 1_048_576) break
  }
  for (const socket of slow) socket.destroy()
  assert.ok(received > 100 * 1_048_576)
})

test('a thousand idle connections are held, all alive, and the memory is given back', async () => {
  await using target = await listen(socket => {
    socket.on('error', () => {})
    socket.on('data', chunk => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  const port = await lab.tunnel('tcp/many', target.at)
  const open = async () => {
    const sockets: net.Socket[] = []
    for (let i = 0; i < 20; i += 1) {
      const some = Array.from({ length: 50 }, () => net.connect(port))
      await Promise.all(some.map(echoes))
      sockets.push(...some)
    }
    return sockets
  }
  const close = async (sockets: net.Socket[]) => {
    await Promise.all(
      sockets.map(socket => {
        const closed = once(socket, 'close')
        socket.destroy()
        return closed
      }),
    )
    await untilNoConnections(lab)
  }
  // The first thousand bring code, buffers and heaps to their size; what the second adds would be a leak.
  await close(await open())
  const before = await memories(daemons)
  const sockets = await open()
  await Promise.all(sockets.map(echoes))
  await close(sockets)
  // A daemon tidies up when it has little to do, which it looks at every 5 s.
  const grown = async () => (await memories(daemons)).map((memory, i) => memory - (before[i] ?? 0))
  const isBack = async () => (await grown()).every(mebibytes => mebibytes < 32)
  for (let i = 0; i < 60 && !(await isBack()); i += 1) await delay(500)
  for (const [i, mebibytes] of (await grown()).entries())
    assert.ok(mebibytes < 32, `${daemons[i]?.name} kept ${mebibytes.toFixed(1)} MiB`)
})

async function listen(onConnection: (socket: net.Socket) => void): Promise<AsyncDisposable & { at: string }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true }, socket => {
    sockets.add(socket)
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    at: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

async function echoes(socket: net.Socket): Promise<void> {
  socket.write('ping')
  const [chunk] = await once(socket, 'data')
  assert.equal(String(chunk), 'ping')
}

async function readAll(socket: net.Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

function memories(of: readonly Daemon[]): Promise<number[]> {
  return Promise.all(of.map(daemon => residentMebibytes(daemon.child.pid)))
}

/** Resolves when the inbound counts no connection any more. */
async function untilNoConnections(mesh: TunnelLab): Promise<void> {
  for (let left = 50; left > 0; left -= 1) {
    const inbound = (await mesh.json('work', 'tunnel', 'describe', 'inbound', 'tcp/many')) as {
      listens: { connectionCount: number }[]
    }
    if (inbound.listens.every(({ connectionCount }) => connectionCount === 0)) return
  }
  assert.fail('connections are still counted')
}
