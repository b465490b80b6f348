import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { HUB_PORT_LIMITS } from '../net/hub-port.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { CLIENT_PREFACE } from '../testing/http2-frames.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { clientHello, openStranger, openTls, trickle } from '../testing/stranger.ts'
import { until } from '../testing/until.ts'

const LIMITS = { firstByteTimeoutMs: 200, strangerTimeoutMs: 900 }
/** What a busy machine may add to a time. */
const SLACK_MS = 2_500

type Attack = readonly [what: string, begin: (socket: Socket) => void]

const send = (bytes: Uint8Array | string) => (socket: Socket) => void socket.write(bytes)

/** Each is seen through at its first bytes. */
const endedAtOnce = (hello: Buffer): readonly Attack[] => [
  ['half a ClientHello and an end', socket => void socket.end(hello.subarray(0, 99))],
  ['garbage', send('\x00\x01\x02garbage')],
  ['plain HTTP', send('GET / HTTP/1.1\r\nHost: hub\r\n\r\n')],
  ['HTTP/2 without TLS', send(CLIENT_PREFACE)],
  ['SSH', send('SSH-2.0-OpenSSH_9.2\r\n')],
  ['a mebibyte of zeros', send(Buffer.alloc(1_048_576))],
  ['an end before the first byte', socket => void socket.end()],
  ['a record that is no handshake', send(Buffer.alloc(600, 0x16))],
  [
    'a record that announces more than TLS allows',
    send(Buffer.concat([Buffer.of(0x16, 3, 1, 0xff, 0xff), Buffer.alloc(70_000)])),
  ],
  ['a preface of another version', send('ZTM9')],
  ['a preface of an unknown kind', send(Buffer.concat([Buffer.from('ZTM1'), Buffer.alloc(1_048_576, 7)]))],
]

/** Each begins well and never becomes anybody. */
async function endedInTime(): Promise<readonly Attack[]> {
  const hello = await clientHello()
  return [
    ['half a ClientHello', send(hello.subarray(0, hello.length >> 1))],
    ['a ClientHello and nothing more', send(hello)],
    ['a ClientHello byte by byte', socket => trickle(socket, hello, 30)],
    ['half a preface', send('ZTM1\x01half')],
    [
      'a preface byte by byte, for ever',
      socket => trickle(socket, Buffer.from(`ZTM1\x01${'t'.repeat(31)}`), 30),
    ],
  ]
}

test('hub port ends a stranger at the first bytes that are not ours', { concurrency: true }, async t => {
  await using mesh = await createLocalMesh()
  const attacks = endedAtOnce(await clientHello()).map(([what, begin]) =>
    t.test(what, async () => {
      const stranger = await openStranger(mesh.address)
      begin(stranger.socket)
      const tookMs = await stranger.closedAfterMs
      assert.ok(tookMs < SLACK_MS && SLACK_MS < HUB_PORT_LIMITS.firstByteTimeoutMs, `took ${tookMs} ms`)
    }),
  )
  await Promise.all(attacks)
  await until(() => mesh.hub.describe().strangerCount === 0, 'no stranger is left')
})

test('hub port ends slow strangers within their limit, and nobody else', { concurrency: true }, async t => {
  await using mesh = await createLocalMesh({ portLimits: LIMITS })
  const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
  const { service } = await hostEcho(host, 'tcp/echo')
  const isOver = new AbortController()
  const neighbour = (async () => {
    let count = 0
    for (; !isOver.signal.aborted; count++)
      assert.equal(await echo(guest, service, `hi ${count}`), `hi ${count}`)
    return count
  })()

  const silence: Attack = ['silence', () => {}]
  const attacks = [silence, ...(await endedInTime())].map(attack => {
    const [what, begin] = attack
    const limitMs = attack === silence ? LIMITS.firstByteTimeoutMs : LIMITS.strangerTimeoutMs
    return t.test(what, async () => {
      const stranger = await openStranger(mesh.address)
      begin(stranger.socket)
      const tookMs = await stranger.closedAfterMs
      assert.ok(tookMs > limitMs / 2 && tookMs < limitMs + SLACK_MS, `took ${tookMs} ms, limit ${limitMs}`)
    })
  })
  await Promise.all(attacks)
  isOver.abort()
  assert.ok((await neighbour) > 0)
  await until(() => mesh.hub.describe().strangerCount === 0, 'no stranger is left')
  assert.equal(mesh.hub.describe().linkCount, 2)
})

test('hub port ends a TLS client that shows no certificate and does not join', async t => {
  await using mesh = await createLocalMesh({ portLimits: LIMITS })
  const visits: [string, Uint8Array | string, number][] = [
    ['silent after the handshake', '', LIMITS.strangerTimeoutMs],
    ['HTTP/1.1 inside TLS', 'GET / HTTP/1.1\r\n\r\n', 0],
    ['an idle HTTP/2 session', CLIENT_PREFACE, LIMITS.strangerTimeoutMs],
  ]
  for (const [what, bytes, withinMs] of visits) {
    await t.test(what, async () => {
      const startedMs = performance.now()
      const socket = await openTls(mesh.address)
      socket.on('data', () => {})
      socket.write(bytes)
      await once(socket, 'close').catch(() => {})
      assert.ok(performance.now() - startedMs <= withinMs + SLACK_MS)
      await until(() => mesh.hub.describe().strangerCount === 0, 'no stranger is left')
    })
  }
})

test('hub port keeps no more strangers of one address than it may, and newcomers still join', async t => {
  await using mesh = await createLocalMesh({ portLimits: { firstByteTimeoutMs: 2_000 } })
  const crowd = await Promise.all(Array.from({ length: 2_000 }, () => openStranger(mesh.address)))
  await until(
    () => mesh.hub.describe().strangerCount <= HUB_PORT_LIMITS.maxStrangersPerAddress,
    'the crowd is cut down',
  )
  const startedMs = performance.now()
  const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
  const { service } = await hostEcho(host, 'tcp/echo')
  assert.equal(await echo(guest, service, 'in spite of the crowd'), 'in spite of the crowd')
  t.diagnostic(`two joins and a dial in a crowd of 2,000: ${Math.round(performance.now() - startedMs)} ms`)

  await Promise.all(crowd.map(({ closedAfterMs }) => closedAfterMs))
  await until(() => mesh.hub.describe().strangerCount === 0, 'no stranger is left')
  assert.equal(await echo(guest, service, 'and after it'), 'and after it')
})

test('hub port resets the oldest strangers when it is full', async () => {
  await using mesh = await createLocalMesh({ portLimits: { maxStrangers: 4 } })
  const strangers = []
  for (let count = 0; count < 6; count++) strangers.push(await openStranger(mesh.address))
  const [first, second, ...others] = strangers
  await Promise.all([first?.closedAfterMs, second?.closedAfterMs])
  assert.deepEqual(
    others.map(({ socket }) => socket.destroyed),
    [false, false, false, false],
  )
  assert.equal(mesh.hub.describe().strangerCount, 4)
  for (const { socket } of others) socket.destroy()
  await until(() => mesh.hub.describe().strangerCount === 0, 'no stranger is left')
})
