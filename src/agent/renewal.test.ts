import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { PEER_API } from '../core/api/peer-api.ts'
import { MeshError } from '../core/model/errors.ts'
import type { EndpointId } from '../core/model/ids.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { echoOver, hostEcho, openStream } from '../testing/echo-service.ts'
import { visitHub } from '../testing/hub-visit.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { visitPeer } from '../testing/peer-visit.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'

const VALID_MS = 6_000
const RENEWALS = 5

describe('renewal of certificates', { concurrency: true }, () => {
  it('stream stays open across five renewals of both certificates, bytes flowing all the time', async t => {
    await using mesh = await createLocalMesh({ endpointValidMs: VALID_MS })
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    const { service } = await hostEcho(host, 'tcp/echo')
    const stream = await openStream(guest, service)
    const renewals = (who: string) =>
      mesh.events.filter(seen => seen.event === 'certificate.renewed' && seen.who === who).length
    let exchangeCount = 0
    let slowestMs = 0
    while (renewals('host') < RENEWALS || renewals('guest') < RENEWALS) {
      const startedMs = performance.now()
      const text = `${exchangeCount++} ${'x'.repeat(20_000)}`
      assert.equal(await echoOver(stream, text), text)
      slowestMs = Math.max(slowestMs, performance.now() - startedMs)
      await wait(2)
    }
    // It was one session and one link all along, and a new stream still gets in.
    const lost = mesh.events.filter(({ event }) => event === 'link.lost' || event === 'session.closed')
    assert.deepEqual(lost, [])
    const opened = mesh.events.filter(({ event, who }) => event === 'session.opened' && who === 'guest')
    assert.equal(opened.length, 1)
    assert.equal(await echoOver(await openStream(guest, service), 'new'), 'new')
    t.diagnostic(`${exchangeCount} exchanges, the slowest took ${Math.round(slowestMs)} ms`)
    assert.ok(slowestMs < 2_000, `${slowestMs} ms without a byte`)
  })

  it('host puts out a peer whose certificate ends without being renewed', async () => {
    await using mesh = await createLocalMesh({ endpointValidMs: 3_000 })
    const host = await mesh.join('host')
    const { service } = await hostEcho(host, 'tcp/echo')
    const asker = await mesh.member()
    const joinedAtMs = performance.now()
    using hub = await visitHub(mesh.address, asker)
    const { ticket } = await hub.call(CONTROLLER_API.openSession, { body: { service } })
    await using visit = await visitPeer({ hub: mesh.address, asker, to: host.membership.self.endpoint })
    const stream = visit.connect(service, ticket)
    assert.equal(await echoOver(stream, 'while it is good'), 'while it is good')
    await once(stream, 'close')
    const livedMs = performance.now() - joinedAtMs
    assert.ok(livedMs > 1_500 && livedMs < 6_500, `it was put out after ${livedMs} ms`)
    await until(() => visit.session.destroyed, 'the session is over')
    const ended = await mesh.logged('session.ended', 'host')
    assert.equal(ended.fields.reason, 'certificate expired')
  })

  it('agent ends its session to a host whose certificate ends without being renewed', async () => {
    let refused: EndpointId | undefined
    const corrupt = (controller: ControllerPort): ControllerPort => ({
      ...controller,
      handlers: {
        ...controller.handlers,
        async renew(call) {
          const { identity } = call.caller
          if (identity?.kind === 'endpoint' && identity.endpoint === refused)
            throw new MeshError('storage-full', 'Cannot renew: no room')
          return controller.handlers.renew(call)
        },
      },
    })
    await using mesh = await createLocalMesh({ endpointValidMs: 4_000, corrupt })
    const [host, guest] = [await mesh.join('host'), await mesh.join('guest')]
    refused = host.membership.self.endpoint
    const { service } = await hostEcho(host, 'tcp/echo')
    const stream = await openStream(guest, service)
    assert.equal(await echoOver(stream, 'while it is good'), 'while it is good')
    await new Promise(resolve => stream.once('close', resolve))
    await until(() => guest.membership.peers.all.length === 0, 'the session is over')
    const error = await openStream(guest, service).catch((thrown: unknown) => thrown)
    assert.ok(
      error instanceof MeshError && ['offline', 'certificate-expired'].includes(error.code),
      `${error}`,
    )
    await mesh.logged('certificate.not-renewed', 'host')
    assert.ok(mesh.events.some(({ event, who }) => event === 'certificate.renewed' && who === 'guest'))
  })

  it('agent takes a renewed certificate for the same endpoint and key alone', async () => {
    await using mesh = await createLocalMesh()
    const host = await mesh.join('host')
    const asker = await mesh.member()
    const other = await mesh.member()
    await using visit = await visitPeer({ hub: mesh.address, asker, to: host.membership.self.endpoint })
    const exchange = (chain: string) => visit.call(PEER_API.exchangeCertificates, { body: { chain } })
    const issue = async (publicKeyPem: string, madeAtMs = Date.now()) =>
      (await mesh.authority.issue({ identity: asker.identity, publicKeyPem, validMs: 60_000 }, madeAtMs))
        .chainPem
    const { publicKeyPem } = await createKeyPair()

    assert.equal((await exchange(asker.chainPem)).chain, host.membership.record.chain)
    await assertRefused(exchange(other.chainPem), 'not-trusted')
    await assertRefused(exchange(await issue(publicKeyPem)), 'not-trusted')
    await assertRefused(exchange(mesh.hubCredential.chainPem), 'not-trusted')
    await assertRefused(exchange(host.membership.record.chain), 'not-trusted')
    await assertRefused(exchange('no certificate'), 'bad-input')
    await using foreign = await createLocalMesh()
    await assertRefused(exchange((await foreign.member()).chainPem), 'not-trusted')
    assert.ok((await visit.call(PEER_API.ping, {})).timeMs > 0)
  })
})
