import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BillingStatus, UsageList } from '../core/api/billing-api.ts'
import { type CommerceServer, startCommerceServer } from '../testing/commerce-server.ts'
import { createProcessMesh, freePort, type ProcessMesh } from '../testing/process-mesh.ts'
import { inboundPort } from '../testing/tunnel-lab.ts'
import { until } from '../testing/until.ts'

// Dials that are paid for: a real hub, real agents, a Commerce server on a real database file. `home` hosts, bob dials.

let mesh: ProcessMesh
let commerce: CommerceServer
let source: net.Server
let port = 0
let metricsPort = 0
/** What the target behind `home` got, bytes. */
let gotBytes = 0

before(async () => {
  mesh = await createProcessMesh()
  metricsPort = await freePort()
  commerce = await startCommerceServer({ file: join(mesh.folder, 'commerce.db') })
  await mesh.startHub({
    args: ['--commerce-url', commerce.url, '--billing-recheck', '1', '--metrics', String(metricsPort)],
    env: { ZTM_COMMERCE_TOKEN: 'mesh-token' },
  })
  await mesh.join('home')
  const permit = join(mesh.folder, 'bob.json')
  await mesh.run('home', 'invite', 'bob', '--permit', permit)
  await mesh.join('bob', { permit })
  source = net
    .createServer(socket => {
      socket.on('error', () => {})
      // Sends as long as it is let, and counts what it gets.
      const more = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(16_384)));
      }
      socket.on('drain', more)
      socket.on('data', chunk => {
        gotBytes += chunk.length
      })
      more()
    })
    .listen(0, '127.0.0.1')
  await once(source, 'listening')
  const target = `127.0.0.1:${(source.address() as net.AddressInfo).port}`
  await mesh.run('home', 'tunnel', 'open', 'outbound', 'tcp/source', '--targets', target, '--users', 'bob')
  await mesh.run('bob', 'tunnel', 'open', 'inbound', 'tcp/source', '--listen', '127.0.0.1:0')
  port = await inboundPort(mesh, 'bob', 'tcp/source')
})

after(async () => {
  await mesh[Symbol.asyncDispose]()
  source.close()
  await commerce[Symbol.asyncDispose]()
})

const report = async () => (await mesh.json('home', 'billing', 'report')) as UsageList

/** Wait until the host has been heard of since, and all that it said is charged. */
async function settledAfter(timeMs: number): Promise<UsageList['usage']> {
  let { usage } = await report()
  await until(async () => {
    usage = (await report()).usage
    return (
      usage.length > 0 &&
      usage.every(
        ({ heardAtMs, isOpen, waitingCount, counts, charged }) =>
          (heardAtMs > timeMs || !isOpen) &&
          waitingCount === 0 &&
          charged.bytesReceived >= (counts.host?.bytesReceived ?? 0),
      )
    )
  }, 'the host has reported, and it is charged')
  return usage
}

/** Resolves when the connection has closed, in whatever way. */
function untilClosed(socket: net.Socket): Promise<void> {
  socket.on('error', () => {})
  return new Promise(resolve => socket.once('close', () => resolve()))
}

/** What was charged to bob for the stream, all parts together. */
function chargedFor(session: string, stream: string) {
  const parts = commerce.books.charged().filter(({ key }) => key.startsWith(`${session}.${stream}.`))
  const sum = (of: 'bytesSent' | 'bytesReceived') => parts.reduce((total, part) => total + part[of], 0)
  return { bytesSent: sum('bytesSent'), bytesReceived: sum('bytesReceived'), count: parts.length }
}

test('the usage of a client that is killed in mid-transfer is charged exactly once, by what the host says', async () => {
  const socket = net.connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let receivedBytes = 0
  socket.on('data', chunk => {
    receivedBytes += chunk.length
    if (receivedBytes > 20_000_000) socket.pause()
  })
  socket.write(Buffer.alloc(70_000))
  await until(() => receivedBytes > 20_000_000 && gotBytes === 70_000, 'both directions flow')
  const bob = [...mesh.daemons].find(({ name }) => name === 'bob')
  await bob?.stop('SIGKILL')
  const killedAtMs = Date.now()
  const [before = assert.fail()] = await settledAfter(killedAtMs)
  assert.deepEqual([before.service, before.dialler.user, before.host?.user], ['tcp/source', 'bob', 'root'])
  const charged = chargedFor(before.session, before.stream)
  assert.equal(charged.bytesSent, 70_000)
  assert.ok(charged.bytesReceived >= receivedBytes, `${charged.bytesReceived} of ${receivedBytes}`)
  // What the client says when it is back is no reason to charge again.
  await mesh.startAgent('bob')
  await until(async () => {
    const [home] = (await mesh.json('bob', 'get', 'mesh')) as { state: string }[]
    return home?.state === 'online'
  }, 'bob is back')
  const list = await settledAfter(Date.now())
  assert.equal(list.length, 1)
  assert.deepEqual(chargedFor(before.session, before.stream), charged)
  const keys = commerce.books.charged().map(({ key }) => key)
  assert.equal(new Set(keys).size, keys.length)
})

test('a connection ends when the balance is gone, no other one opens, and the bill is what was counted', async () => {
  port = await inboundPort(mesh, 'bob', 'tcp/source')
  const socket = net.connect(port, '127.0.0.1')
  const closed = untilClosed(socket)
  await new Promise(resolve => socket.once('data', resolve))
  commerce.books.set('bob', { balance: 0 })
  await closed
  await untilClosed(net.connect(port, '127.0.0.1'))
  const inbound = (await mesh.json('bob', 'tunnel', 'describe', 'inbound', 'tcp/source')) as {
    lastError?: string
  }
  assert.match(inbound.lastError ?? '', /USD is left: top up the account|was taken back/)
  await until(async () => {
    const { openCount, waitingCount } = (await mesh.json('home', 'billing', 'status')) as BillingStatus
    return openCount + waitingCount === 0
  }, 'all is charged')
  const { usage, total, verdicts } = await report()
  assert.equal(total, 2)
  assert.equal(verdicts.differ ?? 0, 0)
  for (const { session, stream, charged } of usage) {
    const { bytesSent, bytesReceived } = chargedFor(session, stream)
    assert.deepEqual([bytesSent, bytesReceived], [charged.bytesSent, charged.bytesReceived])
  }
  const text = await mesh.run('home', 'billing', 'report')
  assert.match(text, /^tcp\/source +bob +root /m)
  assert.match(text, /BY HUB/)
  assert.match(await mesh.run('home', 'billing', 'status'), /^Commerce: +well$/m)
})

test('the metrics of the hub show how billing is', async () => {
  const sample = async (name: string) => {
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    return Number(new RegExp(`^ztm_billing_${name} (\\d+)$`, 'm').exec(text)?.[1])
  }
  await until(async () => (await sample('open_streams')) === 0, 'no stream is open')
  assert.ok((await sample('kept_streams')) >= 1)
  assert.equal(await sample('refused_parts'), 0)
  assert.equal(await sample('commerce_failing'), 0)
  commerce.fault = 'error'
  await until(async () => {
    const socket = net.connect(port, '127.0.0.1')
    await untilClosed(socket)
    return (await sample('commerce_failing')) === 1
  }, 'the hub says that Commerce fails')
})
