import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControllerChange, ControllerPort } from '../core/api/controller.ts'
import type { MeshError } from '../core/model/errors.ts'
import { parseServiceName } from '../core/model/names.ts'
import { echo, hostEcho, openStream } from '../testing/echo-service.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { assertRefused } from '../testing/refusal.ts'
import { until } from '../testing/until.ts'

const EVERYBODY = { users: ['*' as const] }

/** A mesh whose controller tells the hub what a test wants it to. */
async function createRig() {
  const listeners = new Set<(change: ControllerChange) => void>()
  const corrupt = (controller: ControllerPort): ControllerPort => ({
    ...controller,
    onChange(listener) {
      listeners.add(listener)
      return controller.onChange(listener)
    },
  })
  const mesh = await createLocalMesh({ corrupt })
  const host = await mesh.join('host')
  const guest = await mesh.join('guest', { permit: await mesh.invite('bob') })
  const other = await mesh.join('other', { permit: await mesh.invite('carol') })
  const revoke = (services: string[], beforeMs = Date.now()) => {
    const reason = { code: 'insufficient-balance', message: 'Stream ended: nothing is left' } as const
    const revocation = {
      user: guest.membership.self.user,
      services: services.map(name => parseServiceName(name)),
      beforeMs,
      reason,
    }
    const change = { change: 'access-revoked', revocation, hosts: [host.membership.self.endpoint] } as const
    for (const tell of listeners) tell(change)
  }
  const endHosting = (service: string) => {
    const endpoint = host.membership.self.endpoint
    const change = { change: 'hosting-ended', endpoint, service: parseServiceName(service) } as const
    for (const tell of listeners) tell(change)
  }
  return {
    mesh,
    host,
    guest,
    other,
    revoke,
    endHosting,
    [Symbol.asyncDispose]: () => mesh[Symbol.asyncDispose](),
  }
}

test('access that is revoked ends the streams to that service alone, and of that user, and says why', async () => {
  await using rig = await createRig()
  const { host, guest, other } = rig
  const web = await hostEcho(host, 'tcp/web', EVERYBODY)
  await hostEcho(host, 'tcp/mail', EVERYBODY)
  const [first, mail, others] = [
    await openStream(guest, web.service),
    await openStream(guest, parseServiceName('tcp/mail')),
    await openStream(other, web.service),
  ]
  const why = Promise.withResolvers<MeshError>()
  first.once('error', why.resolve)
  rig.revoke(['tcp/web'])
  assert.equal((await why.promise).code, 'insufficient-balance')
  await until(() => web.open.size === 1, 'it ended at the host too')
  assert.deepEqual([first.destroyed, mail.destroyed, others.destroyed], [true, false, false])
  mail.destroy()
  others.destroy()
})

test('a session ticket of before is void at the host, one of later is good', async () => {
  await using rig = await createRig()
  const { service } = await hostEcho(rig.host, 'tcp/web', EVERYBODY)
  assert.equal(await echo(rig.guest, service, 'hello'), 'hello')
  const soonMs = Date.now() + 100_000
  rig.revoke(['tcp/web'], soonMs)
  await until(async () => {
    const error = await openStream(rig.guest, service).then(
      stream => void stream.destroy(),
      (thrown: MeshError) => thrown,
    )
    return error?.code === 'bad-ticket'
  }, 'the host knows')
  await assertRefused(
    openStream(rig.guest, service),
    'bad-ticket',
    /taken back: Stream ended: nothing is left/,
  )
  assert.equal(await echo(rig.other, service, 'hello'), 'hello')
  // The next one replaces what is known.
  rig.revoke(['tcp/web'], 0)
  await until(async () => {
    const text = await echo(rig.guest, service, 'again').catch(() => '')
    return text === 'again'
  }, 'a ticket of later is good')
})

test('a hosting that ends ends its streams at both ends, and no others', async () => {
  await using rig = await createRig()
  const web = await hostEcho(rig.host, 'tcp/web', EVERYBODY)
  await hostEcho(rig.host, 'tcp/mail', EVERYBODY)
  const streams = [
    await openStream(rig.guest, web.service),
    await openStream(rig.other, web.service),
    await openStream(rig.guest, parseServiceName('tcp/mail')),
  ]
  for (const stream of streams) stream.on('error', () => {})
  rig.endHosting('tcp/web')
  await until(() => web.open.size === 0, 'the host let go')
  await until(() => streams[0]?.destroyed === true && streams[1]?.destroyed === true, 'the diallers know')
  assert.equal(streams[2]?.destroyed, false)
  streams[2]?.destroy()
})
