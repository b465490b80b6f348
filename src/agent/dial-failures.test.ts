import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { describe, it } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { RELAY_PREFACE_BYTES } from '../core/codec/relay-preface.ts'
import { MeshError } from '../core/model/errors.ts'
import { parseServiceName, parseUserName } from '../core/model/names.ts'
import { createHttp2Server } from '../net/http2-server.ts'
import type { Incoming } from '../sdk/app.ts'
import { echo, hostEcho, openStream } from '../testing/echo-service.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'
import { layWire } from '../testing/wire.ts'

const service = parseServiceName('tcp/db')
const access = { users: [], entrances: [] }
const QUIET = { debug() {}, info() {}, warn() {}, error() {} }

/** Answers a dial for an endpoint by hand, with its own certificate: a host that went mad. */
function madHost(
  mesh: LocalMesh,
  { membership, key }: LocalAgent,
  onStream: (stream: ServerHttp2Stream) => void,
) {
  return createHttp2Server({
    identity: {
      chainPem: membership.record.chain,
      privateKeyPem: key.privateKeyPem,
      rootPem: mesh.authority.rootCertificatePem,
    },
    identify: () => undefined,
    onStream,
    log: QUIET,
  })
}

const isDialHalf = (first: Buffer) => first.toString('latin1', 0, 5) === 'ZTM1\x01'

describe('dial()', { concurrency: true }, () => {
  it('names what is missing: a service, a right, an endpoint', async () => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const stranger = await mesh.join('pc', { permit: await mesh.invite('mallory') })
    await assertRefused(openStream(guest, service), 'not-found', /"tcp\/db"/)

    const elsewhere = await mesh.member()
    await hostEcho(host, service, { users: [parseUserName('bob')] })
    await assertRefused(openStream(stranger, service), 'denied', /no policy allows it/)
    const { endpoint } = elsewhere.identity
    await hostEcho(host, 'tcp/narrow', { users: [parseUserName('mallory')], entrances: [endpoint] })
    const narrow = parseServiceName('tcp/narrow')
    await assertRefused(
      openStream(stranger, narrow),
      'denied',
      /denied by policy "entrances of tcp\/narrow at /,
    )

    await host.agent[Symbol.asyncDispose]()
    await until(async () => {
      const params = { endpoint: host.membership.self.endpoint }
      return !(await guest.membership.link.call(CONTROLLER_API.showEndpoint, { params })).isOnline
    }, 'the host is away')
    await assertRefused(openStream(guest, service), 'offline', /host/)
  })

  it('takes the next hosting in the same attempt when one refuses, breaks or is gone', async () => {
    await using mesh = await createLocalMesh()
    const guest = await mesh.join('guest')
    const hosts = await Promise.all(['a', 'b', 'c', 'd'].map(name => mesh.join(name)))
    const [refusing, breaking, leaving, good] = hosts as [LocalAgent, LocalAgent, LocalAgent, LocalAgent]
    const counts = { refused: 0, broken: 0 }
    const full = new MeshError('target-refused', 'Cannot reach target: connection refused')
    await refusing.host.serve(service, {
      access,
      onStream(incoming) {
        counts.refused += 1
        incoming.refuse(full)
      },
    })
    await breaking.host.serve(service, {
      access,
      onStream(incoming) {
        counts.broken += 1
        incoming.accept().destroy()
      },
    })
    await leaving.host.serve(service, { access, onStream: incoming => void incoming.accept().resume() })
    const { callers } = await hostEcho(good, service)
    await leaving.agent[Symbol.asyncDispose]()
    let echoCount = 0
    for (let count = 0; count < 12; count++) {
      const answer = await echo(guest, service, 'hello').catch(() => '')
      echoCount += answer === 'hello' ? 1 : 0
    }
    // Only the one that said yes and then broke may be noticed by whoever dialled.
    assert.ok(counts.refused > 0 && echoCount >= 12 - counts.broken, `${echoCount} ${JSON.stringify(counts)}`)
    assert.equal(callers.length, echoCount)
    await refusing.agent[Symbol.asyncDispose]()
  })

  it('gives the reason of a host when there is no other', async () => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const error = new MeshError('target-refused', 'Cannot reach target "127.0.0.1:1": connection refused')
    await host.host.serve(service, { access, onStream: incoming => incoming.refuse(error) })
    await assertRefused(openStream(guest, service), 'target-refused', /127\.0\.0\.1:1/)
  })

  it('gives up after 20 s on a host that never answers', async () => {
    await using mesh = await createLocalMesh()
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const asked: Incoming[] = []
    await host.host.serve(service, { access, onStream: incoming => void asked.push(incoming) })
    const startedMs = performance.now()
    await assertRefused(openStream(guest, service), 'timed-out')
    const tookMs = performance.now() - startedMs
    assert.ok(tookMs > 15_000 && tookMs < 25_000, `${tookMs} ms`)
    assert.equal(asked.length, 1)
    // The host is told, so that it waits for nobody.
    await until(() => asked[0]?.signal.aborted === true, 'the host knows')
  })

  for (const [what, take] of [
    ['garbage', (client: Socket) => void client.write('not TLS at all, not in the least\r\n'.repeat(100))],
    ['nothing', () => {}],
    ['an end', (client: Socket) => void client.end()],
    ['a reset', (client: Socket) => void client.resetAndDestroy()],
  ] as const) {
    it(`goes over the link when the relay answers with ${what}`, async () => {
      await using mesh = await createLocalMesh()
      await using wire = await layWire(mesh.address)
      const permit = mesh.permitVia(wire.address)
      const [host, guest] = [await mesh.join('host', { permit }), await mesh.join('guest', { permit })]
      await hostEcho(host, service)
      const taken: Socket[] = []
      wire.meddler = {
        takeOver(client, first) {
          if (!isDialHalf(first)) return false
          taken.push(client.once('end', () => client.end()).resume())
          take(client)
          return true
        },
      }
      assert.equal(await echo(guest, service, 'by the other way'), 'by the other way')
      await until(
        () => taken.length > 0 && taken.every(({ destroyed }) => destroyed),
        'the bad way is closed',
      )
      assert.deepEqual(
        guest.membership.peers.all.map(({ path }) => path),
        ['relay-h2'],
      )
    })
  }

  for (const [what, onStream, code] of [
    [
      'a status without a reason',
      (stream: ServerHttp2Stream) => stream.respond({ ':status': 500 }, { endStream: true }),
      'bad-message',
    ],
    [
      'a page',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 404, 'content-type': 'text/html' })
        stream.end('<h1>Not found</h1>')
      },
      'bad-message',
    ],
    [
      'a reason without end',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 500 })
        stream.end(Buffer.alloc(5_000_000, 'x'))
      },
      'bad-message',
    ],
    [
      'a code that there is none of',
      (stream: ServerHttp2Stream) => {
        stream.respond({ ':status': 500 })
        stream.end('{"code":"root","message":"x"}')
      },
      'bad-message',
    ],
    ['a reset', (stream: ServerHttp2Stream) => stream.close(2), 'link-closed'],
    ['a broken session', (stream: ServerHttp2Stream) => stream.session?.destroy(), 'link-closed'],
  ] as const) {
    it(`says so when the host answers with ${what}`, async () => {
      await using mesh = await createLocalMesh()
      await using wire = await layWire(mesh.address)
      const permit = mesh.permitVia(wire.address)
      const [host, guest] = [await mesh.join('host', { permit }), await mesh.join('guest', { permit })]
      await hostEcho(host, service)
      await using server = madHost(mesh, host, stream => {
        stream.on('error', () => {})
        onStream(stream)
      })
      wire.meddler = {
        takeOver(client, first) {
          if (!isDialHalf(first)) return false
          client.pause()
          client.unshift(first.subarray(RELAY_PREFACE_BYTES))
          server.accept(client)
          return true
        },
      }
      await assertRefused(openStream(guest, service), code)
    })
  }
})
