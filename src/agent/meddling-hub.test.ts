import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { RELAY_PREFACE_BYTES } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName } from '../core/model/names.ts'
import { createHttp2Server } from '../net/http2-server.ts'
import { echo, hostEcho, openStream } from '../testing/echo-service.ts'
import type { Credential } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'
import { layWire, type Wire, type WiredConnection } from '../testing/wire.ts'

/** A mesh whose hub is in the hands of somebody else, as far as it carries bytes. */
interface Scene extends AsyncDisposable {
  readonly mesh: LocalMesh
  readonly wire: Wire
  readonly host: LocalAgent
  readonly guest: LocalAgent
}

async function openScene(): Promise<Scene> {
  const mesh = await createLocalMesh()
  const wire = await layWire(mesh.address)
  const permit = mesh.permitVia(wire.address)
  const [host, guest] = [await mesh.join('host', { permit }), await mesh.join('guest', { permit })]
  return {
    mesh,
    wire,
    host,
    guest,
    async [Symbol.asyncDispose]() {
      await mesh[Symbol.asyncDispose]()
      await wire[Symbol.asyncDispose]()
    },
  }
}

const isRelay = ({ toServer }: WiredConnection) => toServer[0]?.[0] === 'Z'.charCodeAt(0)
const isClosed = ({ client, server }: WiredConnection) => client.destroyed && server.destroyed
const isDialHalf = (first: Buffer) => first.toString('latin1', 0, 5) === 'ZTM1\x01'

test('agent ends a session that was joined with somebody else than it wanted', async t => {
  await using scene = await openScene()
  const { mesh, wire, host, guest } = scene
  const { service } = await hostEcho(host, 'tcp/echo')
  await using other = await createLocalMesh()
  const impostors: [string, Credential][] = [
    ['another endpoint of the same user', await mesh.member()],
    ['an endpoint of another user', await mesh.member('pc', await mesh.invite('mallory'))],
    ['the hub itself', mesh.hubCredential],
    ['an endpoint of another mesh', await other.member()],
  ]
  for (const [what, credential] of impostors) {
    await t.test(what, async () => {
      const streams: unknown[] = []
      await using server = createHttp2Server({
        identity: { ...credential, rootPem: mesh.authority.rootCertificatePem },
        identify: () => undefined,
        onStream: (_, headers) => void streams.push(headers),
        log: { debug() {}, info() {}, warn() {}, error() {} },
      })
      let takenCount = 0
      wire.meddler = {
        takeOver(client: Socket, first: Buffer) {
          if (!isDialHalf(first)) return false
          takenCount += 1
          client.pause()
          client.unshift(first.subarray(RELAY_PREFACE_BYTES))
          server.accept(client)
          return true
        },
      }
      const error = await echo(guest, service, 'for the host alone').catch((thrown: unknown) => thrown)
      assert.equal(error instanceof MeshError && error.code, 'not-trusted', String(error))
      assert.ok(takenCount > 0)
      assert.deepEqual(streams, [])
    })
  }
  wire.meddler = {}
  assert.equal(await echo(guest, service, 'and now'), 'and now')
})

const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/**
 * Send bytes to a service that keeps them. In the middle, one piece of ciphertext is changed on its way.
 *
 * @returns how the stream ended at the service; what came is checked
 */
async function sendThrough(
  scene: Scene,
  change: (bytes: Buffer) => Buffer | undefined,
): Promise<'end' | 'break'> {
  const { wire, host, guest } = scene
  const received: Buffer[] = []
  const service = parseServiceName('tcp/keep')
  let ending: 'end' | 'break' | undefined
  await host.host.serve(service, {
    access: { users: [], entrances: [] },
    onStream(incoming) {
      const stream = incoming.accept()
      stream.on('data', (chunk: Buffer) => received.push(chunk))
      stream.on('error', () => {})
      stream.once('end', () => {
        ending = 'end'
        stream.end()
      })
      stream.once('close', () => {
        ending ??= 'break'
      })
    },
  })
  const sent = randomBytes(2_000_000)
  const stream = await openStream(guest, service)
  let passedBytes = 0
  let isChanged = false
  wire.meddler = {
    change(bytes, direction, connection) {
      if (!isRelay(connection) || direction === 'toClient') return bytes
      passedBytes += bytes.length
      if (isChanged || passedBytes < 500_000) return bytes
      const changed = change(bytes)
      isChanged = changed !== undefined
      return changed ?? Buffer.alloc(0)
    },
  }
  stream.resume().end(sent)
  await until(() => ending !== undefined && stream.destroyed, 'the stream has ended')
  assert.ok(isChanged, 'it went this way')
  const bytes = Buffer.concat(received)
  assert.ok(bytes.equals(sent.subarray(0, bytes.length)), 'a wrong byte was delivered')
  if (ending === 'end') assert.equal(hash(bytes), hash(sent))
  else await until(() => wire.connections.filter(isRelay).every(isClosed), 'both sides have closed')
  return ending ?? 'break'
}

test('no byte that a hub changed, dropped, repeated or moved is ever delivered', {
  concurrency: true,
}, async t => {
  let held: Buffer | undefined
  const swap = (bytes: Buffer) => {
    if (held !== undefined) return Buffer.concat([bytes, held])
    held = bytes
    return undefined
  }
  const changes: [string, (bytes: Buffer) => Buffer | undefined][] = [
    ['untouched', bytes => bytes],
    ['one bit flipped', bytes => Buffer.from(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)))],
    ['a piece dropped', () => Buffer.alloc(0)],
    ['a piece repeated', bytes => Buffer.concat([bytes, bytes])],
    ['one byte cut off', bytes => bytes.subarray(0, -1)],
    ['bytes put in', bytes => Buffer.concat([Buffer.from('put in'), bytes])],
    ['two pieces swapped', swap],
  ]
  const runs = changes.map(([name, change]) =>
    t.test(name, async () => {
      await using scene = await openScene()
      // The session breaks; the stream goes on over the next one.
      assert.equal(await sendThrough(scene, change), 'end')
    }),
  )
  await Promise.all(runs)
})

test('nothing a hub relays shows what was sent', async () => {
  await using scene = await openScene()
  const { wire, host, guest } = scene
  const { service } = await hostEcho(host, 'tcp/echo')
  const canary = `canary-${randomBytes(16).toString('hex')}`
  const text = Array.from({ length: 2_000 }, () => canary).join(' ')
  assert.equal(await echo(guest, service, text), text)

  const relays = wire.connections.filter(isRelay)
  assert.equal(relays.length, 2)
  const seen = wire.connections.flatMap(({ toServer, toClient }) => [
    Buffer.concat(toServer),
    Buffer.concat(toClient),
  ])
  const carriedBytes = relays.reduce((sum, { toServer }) => sum + Buffer.concat(toServer).length, 0)
  assert.ok(carriedBytes > 2 * text.length, 'it went this way')
  for (const needle of [canary, service, encodeURIComponent(service), 'CONNECT']) {
    assert.equal(
      seen.some(bytes => bytes.includes(needle)),
      false,
      needle,
    )
  }
})
