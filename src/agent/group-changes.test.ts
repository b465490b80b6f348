import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import type { ControllerPort } from '../core/api/controller.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { type Name, parseName, parseServiceName } from '../core/model/names.ts'
import { echo, echoOver, hostEcho, openStream } from '../testing/echo-service.ts'
import { createLocalMesh, type LocalAgent, type LocalMeshOptions } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'

const OPS = parseName('ops')

async function createRig(options: LocalMeshOptions = {}) {
  const mesh = await createLocalMesh(options)
  const host = await mesh.join('host')
  const guest = await mesh.join('guest', { permit: await mesh.invite('bob') })
  const other = await mesh.join('other', { permit: await mesh.invite('carol') })
  const { link } = host.membership
  await link.call(CONTROLLER_API.createGroup, { body: { name: OPS, users: ['bob', 'carol'] } })
  const update = (body: { name?: string; addUsers?: string[]; removeUsers?: string[] }) =>
    link.call(CONTROLLER_API.updateGroup, { params: { group: OPS }, body })
  const remove = () => link.call(CONTROLLER_API.deleteGroup, { params: { group: OPS } })
  return {
    mesh,
    host,
    guest,
    other,
    update,
    remove,
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  }
}

/** A service that anybody may dial, whose app lets in whom the groups of a stream say. */
async function hostJudging({ host }: LocalAgent, name: string) {
  const service = parseServiceName(name)
  const seen: (readonly Name[])[] = []
  await host.serve(service, {
    access: { users: ['*'], entrances: [] },
    onStream(incoming) {
      seen.push(incoming.groups)
      incoming.accept().on('error', () => {})
    },
  })
  return { service, seen }
}

const isOver = (stream: Duplex | undefined) => stream?.destroyed === true

test('who leaves a group loses the streams that it alone let in, and gets no new ones', async () => {
  await using rig = await createRig()
  const { host, guest, other } = rig
  const web = await hostEcho(host, 'tcp/web', { groups: [OPS] })
  const mail = await hostEcho(host, 'tcp/mail', { users: ['*'], groups: [OPS] })
  const [first, second, mails] = [
    await openStream(guest, web.service),
    await openStream(other, web.service),
    await openStream(guest, mail.service),
  ]
  await rig.update({ removeUsers: ['bob'] })
  await until(() => web.open.size === 1 && isOver(first), 'the stream ended at both ends')
  // Everybody may dial that one.
  assert.deepEqual([isOver(second), isOver(mails)], [false, false])
  await assertRefused(openStream(guest, web.service), 'denied')
  assert.equal(await echo(other, web.service, 'hello'), 'hello')
  await rig.update({ addUsers: ['bob'] })
  await until(async () => (await echo(guest, web.service, 'again').catch(() => '')) === 'again', 'it is back')
  second.destroy()
  mails.destroy()
})

test('an app that looked at the groups of a stream need not hear of changes: the stream ends', async () => {
  await using rig = await createRig()
  const judging = await hostJudging(rig.host, 'tcp/judged')
  const plain = await hostEcho(rig.host, 'tcp/plain', { users: ['*'] })
  const [judged, unjudged] = [
    await openStream(rig.guest, judging.service),
    await openStream(rig.guest, plain.service),
  ]
  assert.deepEqual(judging.seen, [[OPS]])
  await rig.remove()
  await until(() => isOver(judged), 'the stream that was judged by groups ended')
  assert.equal(isOver(unjudged), false)
  // Who comes into a group may come under a rule that denies.
  const again = await openStream(rig.guest, judging.service)
  await rig.host.membership.link.call(CONTROLLER_API.createGroup, {
    body: { name: 'suspects', users: ['bob'] },
  })
  await until(() => isOver(again), 'so did the one that was judged by none')
  const third = await openStream(rig.guest, judging.service)
  assert.deepEqual(judging.seen, [[OPS], [], ['suspects']])
  third.destroy()
  unjudged.destroy()
})

test('a renamed group is another: who got in by the old name is out', async () => {
  await using rig = await createRig()
  const web = await hostEcho(rig.host, 'tcp/web', { groups: [OPS] })
  const stream = await openStream(rig.guest, web.service)
  await rig.update({ name: 'operators' })
  await until(() => isOver(stream), 'it ended')
  await web.hosting.update({ users: [], groups: [parseName('operators')], entrances: [] })
  await until(
    async () => (await echo(rig.guest, web.service, 'hi').catch(() => '')) === 'hi',
    'by the new name',
  )
})

test('an endpoint that loses the label of a group is out, and others of its user stay', async () => {
  await using rig = await createRig()
  const { host, guest, other } = rig
  const { link } = host.membership
  const label = (labels: string[]) =>
    link.call(CONTROLLER_API.labelEndpoint, {
      params: { endpoint: guest.membership.self.endpoint },
      body: { labels },
    })
  await label(['kiosk'])
  await link.call(CONTROLLER_API.createGroup, { body: { name: 'kiosks', labels: ['kiosk'] } })
  const web = await hostEcho(host, 'tcp/web', { groups: [parseName('kiosks'), OPS] })
  await rig.update({ removeUsers: ['bob'] })
  const [first, second] = [await openStream(guest, web.service), await openStream(other, web.service)]
  await label([])
  await until(() => isOver(first), 'it ended')
  assert.equal(isOver(second), false)
  await assertRefused(openStream(guest, web.service), 'denied')
  second.destroy()
})

test('who left a group while a host had no link is out when it has one again', async () => {
  const forget = (controller: ControllerPort): ControllerPort => ({
    ...controller,
    onChange: listener => controller.onChange(one => one.change !== 'groups-changed' && listener(one)),
  })
  await using rig = await createRig({ corrupt: forget })
  const web = await hostEcho(rig.host, 'tcp/web', { groups: [OPS] })
  const [first, second] = [await openStream(rig.guest, web.service), await openStream(rig.other, web.service)]
  await rig.update({ removeUsers: ['bob'] })
  // Nobody heard of it, and the link is lost; the streams wait for a path.
  await rig.mesh.stopHub()
  await rig.mesh.restartHub()
  await until(() => web.open.size === 1, 'it ended when the host asked')
  await until(() => isOver(first), 'and at the other end')
  assert.equal(await echoOver(second, 'still here'), 'still here')
  second.destroy()
})

test('an agent that lets no groups in does not speak of them to the hub: one of before would refuse it', async () => {
  const told: unknown[] = []
  const listen = (controller: ControllerPort): ControllerPort => ({
    ...controller,
    handlers: {
      ...controller.handlers,
      host: call => {
        told.push(Object.keys(call.body.access))
        return controller.handlers.host(call)
      },
    },
  })
  await using mesh = await createLocalMesh({ corrupt: listen })
  const host = await mesh.join('host')
  const { hosting } = await hostEcho(host, 'tcp/web', { groups: [] })
  await hosting.update({ users: [], groups: [OPS], entrances: [] })
  assert.deepEqual(told, [
    ['users', 'entrances'],
    ['users', 'groups', 'entrances'],
  ])
})
