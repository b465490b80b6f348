import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { parseServiceName } from '../core/model/names.ts'
import { echoOver, hostEcho, openStream } from '../testing/echo-service.ts'
import { createLocalMesh, type LocalAgent, type LocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'

/** A controller whose hub tells nobody of what it takes back: as if no link had been there. */
function withoutNews(controller: ControllerPort): ControllerPort {
  const isNews = (change: string) => change === 'access-revoked' || change === 'endpoint-removed'
  return {
    ...controller,
    onChange: listener => controller.onChange(one => !isNews(one.change) && listener(one)),
  }
}

async function manage(mesh: LocalMesh, by: LocalAgent, method: string, path: string, body?: object) {
  const request = new Request(`https://mesh/edge/management/v1${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const caller = { identity: by.membership.self, address: '127.0.0.1:1', issuedAtMs: Date.now() }
  const { response } = await mesh.controller.edge(request, caller)
  const answer = (await response.json()) as { data: { id: string } }
  assert.ok(response.ok, JSON.stringify(answer))
  return answer.data.id
}

/** A service of a host, and two guests whom a policy each lets in, each with an open stream that goes directly. */
async function openScene() {
  const mesh = await createLocalMesh({ corrupt: withoutNews, paths: ['direct'] })
  const host = await mesh.join('host')
  const guest = await mesh.join('guest', { permit: await mesh.invite('bob') })
  const other = await mesh.join('other', { permit: await mesh.invite('carol') })
  await manage(mesh, host, 'POST', '/services', { name: 'web', encryptionRequired: true })
  const policy = (name: string, user: string) =>
    manage(mesh, host, 'POST', '/service-policies', {
      name,
      type: 'Dial',
      semantic: 'AnyOf',
      identityRoles: [user],
      serviceRoles: ['@web'],
    })
  const ofBob = await policy('bob dials', '@bob')
  await policy('carol dials', '@carol')
  const web = await hostEcho(host, 'tcp/web', { policies: true })
  const first = await openStream(guest, web.service)
  const second = await openStream(other, web.service)
  for (const stream of [first, second]) stream.on('error', () => {})
  const relink = async () => {
    await mesh.stopHub()
    await mesh.restartHub()
  }
  const scene = { mesh, host, guest, other, web, first, second, ofBob, relink }
  return { ...scene, [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose]() }
}

test('who lost a policy while the host had no link is out when it has one again', async () => {
  await using scene = await openScene()
  const { mesh, host, guest, web, first, second, ofBob } = scene
  await manage(mesh, host, 'DELETE', `/service-policies/${ofBob}`)
  assert.equal(await echoOver(first, 'nobody was told'), 'nobody was told')
  await scene.relink()
  await until(() => web.open.size === 1, 'it ended when the host asked')
  await until(() => first.destroyed, 'and at the other end')
  assert.equal(await echoOver(second, 'still here'), 'still here')
  // The ticket of before is void at the host, too.
  await until(
    () =>
      openStream(guest, web.service).then(
        () => false,
        () => true,
      ),
    'bob is not let in again',
  )
  second.destroy()
})

test('who was removed from the mesh while the host had no link is out when it has one again', async () => {
  await using scene = await openScene()
  const { mesh, host, guest, web, first, second } = scene
  await host.membership.link.call(CONTROLLER_API.removeEndpoint, {
    params: { endpoint: guest.membership.self.endpoint },
  })
  assert.equal(await echoOver(first, 'nobody was told'), 'nobody was told')
  await mesh.stopHub()
  await mesh.restartHub()
  await until(() => web.open.size === 1, 'it ended when the host asked')
  assert.equal(await echoOver(second, 'still here'), 'still here')
  second.destroy()
})

test('a host that asks about what it does not host, or asks too much, learns nothing', async () => {
  await using mesh = await createLocalMesh()
  const [host, guest] = [
    await mesh.join('host'),
    await mesh.join('guest', { permit: await mesh.invite('bob') }),
  ]
  await hostEcho(host, 'tcp/web')
  const { user, endpoint } = host.membership.self
  const review = (open: { service: string }[]) =>
    guest.membership.link.call(CONTROLLER_API.reviewDiallers, {
      body: { open: open.map(({ service }) => ({ service: parseServiceName(service), user, endpoint })) },
    })
  assert.deepEqual(await review([{ service: 'tcp/web' }, { service: 'tcp/nothing' }]), { refused: [] })
  await assertRefused(review(Array.from({ length: 1_001 }, () => ({ service: 'tcp/web' }))), 'bad-input')
})
