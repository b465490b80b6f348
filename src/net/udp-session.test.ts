import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Session } from 'node:http2'
import { after, before, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { tlsIdentity } from '../pki/check.ts'
import type { Credential } from '../testing/hub-visit.ts'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import { openUdpPair, type UdpPair } from '../testing/udp-pair.ts'
import { exportDatagramSecret } from './datagram-channel.ts'
import { openHttp2 } from './http2-client.ts'
import { createHttp2Server } from './http2-server.ts'

let mesh: LocalMesh
let member: Credential

before(async () => {
  mesh = await createLocalMesh()
  member = await mesh.member()
})
after(() => mesh[Symbol.asyncDispose]())

interface Scene extends AsyncDisposable {
  readonly pair: UdpPair
  readonly session: ClientHttp2Session
  /** Of the dialling side, and of the other. */
  readonly secrets: readonly Uint8Array[]
}

/** Two ends that speak TLS 1.3 and HTTP/2 over UDP; the server sends back what each stream brings. */
async function openScene(maxSilenceMs?: number): Promise<Scene> {
  const rootPem = mesh.authority.rootCertificatePem
  const pair = openUdpPair(maxSilenceMs === undefined ? {} : { maxSilenceMs })
  const secrets: Uint8Array[] = []
  const identify = (socket: TLSSocket) => {
    secrets.push(exportDatagramSecret(socket))
    return tlsIdentity(socket, { rootPem, now: Date.now() })
  }
  const server = createHttp2Server({
    identity: { ...mesh.hubCredential, rootPem },
    identify,
    onStream(stream) {
      stream.respond({ ':status': 200 })
      stream.pipe(stream)
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
  })
  server.accept(pair.far)
  const { session } = await openHttp2(pair.near, {
    identity: member,
    rootPem,
    identify: identify as never,
    timeoutMs: 5_000,
  })
  return {
    pair,
    session,
    secrets,
    async [Symbol.asyncDispose]() {
      session.destroy()
      await server[Symbol.asyncDispose]()
      await pair[Symbol.asyncDispose]()
    },
  }
}

test('a session over UDP carries many streams at once', async () => {
  await using scene = await openScene()
  const echo = async (i: number) => {
    const stream = scene.session.request({ ':method': 'POST', ':path': '/' })
    const bytes = Buffer.alloc(50_000 + i, i)
    stream.end(bytes)
    return Buffer.concat(await stream.toArray()).equals(bytes)
  }
  // The first answer brings the settings of a member; a stranger may have 8 streams.
  assert.ok(await echo(0))
  const echoes = await Promise.all(Array.from({ length: 200 }, (_, i) => echo(i)))
  assert.deepEqual(
    echoes,
    echoes.map(() => true),
  )
})

test('both sides of a session have the same secret for datagrams, and no other session has it', async () => {
  await using one = await openScene()
  await using other = await openScene()
  // An answer: both sides have done with the handshake.
  for (const { session } of [one, other]) await new Promise(resolve => session.ping(resolve))
  const [near, far] = one.secrets.map(secret => Buffer.from(secret).toString('hex'))
  assert.deepEqual([near, one.secrets.length, near?.length], [far, 2, 112])
  assert.notDeepEqual(one.secrets, other.secrets)
})

test('a session over UDP ends at both sides when one closes it', async () => {
  await using scene = await openScene()
  const { near, far } = scene.pair
  const closed = [near, far].map(end => once(end, 'close'))
  scene.session.close()
  await Promise.all(closed)
})

test('a session over UDP that is destroyed ends at the other side too', async () => {
  await using scene = await openScene()
  const closed = once(scene.pair.far, 'close')
  scene.session.destroy()
  await closed
})

test('a session over UDP ends when the way is lost while a request waits', async () => {
  await using scene = await openScene(400)
  const stream = scene.session.request({ ':method': 'POST', ':path': '/' })
  stream.on('error', () => {})
  await once(stream, 'response')
  const closed = new Promise<void>(resolve => scene.session.once('close', resolve))
  scene.pair.near.move({ host: '127.0.0.1', port: 9 })
  stream.write('into the void')
  await closed
})
