import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseEndpointId, parseHubId } from '../core/model/ids.ts'
import { parseName, parseUserName } from '../core/model/names.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import { createKeyPair } from '../pki/key-pair.ts'
import { startFalseHub } from '../testing/false-hub.ts'
import { createLocalMesh, type LocalMesh, MESH_NAME } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { layWire } from '../testing/wire.ts'

const ID = '99999999-2222-4333-8444-555555555555'

async function issue({ authority }: LocalMesh, identity: Identity, madeAtMs = Date.now(), validMs = 60_000) {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const { chainPem } = await authority.issue({ identity, publicKeyPem, validMs }, madeAtMs)
  return { chainPem, privateKeyPem }
}

/** Who may pose as the hub of `mesh`: ZTM's finding 5 was the first of them. */
async function impostors(mesh: LocalMesh, other: LocalMesh) {
  const { mesh: id } = mesh.authority
  const user = parseUserName('root')
  const permit: Identity = { kind: 'permit', mesh: id, user, permit: parseEndpointId(ID) }
  const hub: Identity = { kind: 'hub', mesh: id, hub: parseHubId(ID) }
  return [
    ["a member's certificate", await mesh.member(), 'not-trusted'],
    ["a permit's certificate", await issue(mesh, permit), 'not-trusted'],
    ["another mesh's hub", other.hubCredential, 'not-trusted'],
    [
      'a hub whose certificate has ended',
      await issue(mesh, hub, Date.now() - 240_000, 1_000),
      'certificate-expired',
    ],
  ] as const
}

test('agent joins over no hub but one of its mesh, and tells others nothing', async t => {
  await using mesh = await createLocalMesh()
  await using other = await createLocalMesh()
  const { agent } = await mesh.join('host')
  for (const [what, credential, code] of await impostors(mesh, other)) {
    await t.test(what, async () => {
      await using hub = await startFalseHub({ ...credential, rootPem: mesh.authority.rootCertificatePem })
      const joining = agent.join(MESH_NAME, parseName('host'), mesh.permitVia(hub.address), false)
      await assertRefused(joining, code)
      assert.ok(hub.connectionCount > 0, 'it was asked')
      const asked = hub.requests.filter(request => request !== 'GET /api/root')
      assert.deepEqual(asked, [])
    })
  }
})

test('agent opens its link to no hub but one of its mesh, and finds back to the true one', async t => {
  await using mesh = await createLocalMesh()
  await using other = await createLocalMesh()
  await using wire = await layWire(mesh.address)
  const { membership } = await mesh.join('host', { permit: mesh.permitVia(wire.address) })
  for (const [what, credential, code] of await impostors(mesh, other)) {
    await t.test(what, async () => {
      await using hub = await startFalseHub({ ...credential, rootPem: mesh.authority.rootCertificatePem })
      mesh.events.length = 0
      wire.target = hub.address
      wire.cut()
      while ((await mesh.logged('link.lost', 'host')).fields.code !== code) mesh.events.shift()
      assert.deepEqual(hub.requests, [])
      wire.target = mesh.address
      membership.link.networkChanged({ gone: new Set() })
      await membership.link.whenOnline(30_000)
    })
  }
})

test('agent does not keep a certificate that is not for its own key or endpoint', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const other = await mesh.member()
  const { chain, endpoint } = host.membership.record
  const self = host.membership.self
  const strange = await issue(mesh, self)
  await using hub = await startFalseHub({
    ...mesh.hubCredential,
    rootPem: mesh.authority.rootCertificatePem,
  })
  const answers = [other.chainPem, strange.chainPem, mesh.hubCredential.chainPem, 'no certificate']
  hub.app.post(CONTROLLER_API.enroll.path, context =>
    context.json({
      chain: answers[0],
      expiresAtMs: Date.now() + 60_000,
      timeMs: Date.now(),
      endpoint: endpoint.id,
      user: 'root',
      name: 'host',
    }),
  )
  for (const code of ['not-trusted', 'not-trusted', 'not-trusted', 'bad-message'] as const) {
    const joining = host.agent.join(MESH_NAME, parseName('host'), mesh.permitVia(hub.address), false)
    await assertRefused(joining, code)
    answers.shift()
  }
  assert.equal(host.membership.record.chain, chain)
  assert.equal((await host.store.list('mesh/')).length, 1)
})
