import assert from 'node:assert/strict'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createSdkLab, type SdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'
import type { Connection } from './connection.ts'
import type { Context } from './context.ts'

async function hostEcho(context: Context): Promise<void> {
  const listener = await context.listen('echo')
  listener.onConnection(connection => connection.pipe(connection))
}

async function echo(context: Context, word = 'hello'): Promise<string> {
  const connection = await context.dial('echo')
  connection.end(word)
  return text(connection)
}

async function echoes(context: Context): Promise<boolean> {
  return echo(context).then(
    word => word === 'hello',
    () => false,
  )
}

async function withEcho(lab: SdkLab) {
  await lab.service('echo')
  const host = lab.context(await lab.identity('host', 'host'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  await hostEcho(host)
  assert.equal(await echo(guest), 'hello')
  return { host, guest }
}

async function speak(connection: Connection, word: string): Promise<string> {
  connection.write(word)
  return String((await once(connection, 'data'))[0])
}

test('an API session that is deleted ends streams at once; the program logs in again by itself', async () => {
  await using lab = await createSdkLab()
  const { guest, host } = await withEcho(lab)
  const connection = await guest.dial('echo')
  assert.equal(await speak(connection, 'one'), 'one')
  const before = (await guest.session())?.id ?? ''
  const ended = once(connection, 'error')
  const since = performance.now()
  await lab.manage('DELETE', `/api-sessions/${before}`)
  await ended
  assert.ok(performance.now() - since < 2_000, 'within 2 s')
  await until(() => echoes(guest), 'the guest is in again')
  assert.notEqual((await guest.session())?.id, before)

  // And whoever hosts does so again as who it is now.
  await lab.manage('DELETE', `/api-sessions/${(await host.session())?.id}`)
  await until(() => echoes(guest), 'the host is in again')
})

test('an identity that is disabled is out, and in again when it is enabled', async () => {
  await using lab = await createSdkLab()
  await lab.service('echo')
  const host = lab.context(await lab.identity('host', 'host'))
  const identity = await lab.identity('guest', 'dialler')
  const guest = lab.context(identity)
  await hostEcho(host)
  const connection = await guest.dial('echo')
  const ended = once(connection, 'error')
  await lab.manage('POST', `/identities/${identity.id}/disable`, { durationMinutes: 0 })
  await ended
  await until(
    () =>
      guest.dial('echo').then(
        () => false,
        ({ reason }) => reason === 'auth-failed',
      ),
    'a dial says that the login is refused',
  )
  await lab.manage('POST', `/identities/${identity.id}/enable`, {})
  await until(() => echoes(guest), 'the guest is in again')
})

test('hub and controller may restart: dials go on, and what is hosted is found again', async () => {
  await using lab = await createSdkLab()
  const { guest, host } = await withEcho(lab)
  const sessions = [(await guest.session())?.id, (await host.session())?.id]
  await lab.mesh.stopHub()
  await lab.mesh.restartHub()
  await until(() => echoes(guest), 'dials work again')
  assert.deepEqual([(await guest.session())?.id, (await host.session())?.id], sessions)
})

test('while the controller is away, direct dials go on with the ticket at hand', async () => {
  await using lab = await createSdkLab()
  await lab.service('echo')
  const paths = ['direct', 'relay'] as const
  const host = lab.context(await lab.identity('host', 'host'), { paths })
  const guest = lab.context(await lab.identity('guest', 'dialler'), { paths })
  await hostEcho(host)
  const direct = new Promise<void>(resolve => {
    guest.events().on('path-changed', ({ path }) => path === 'direct' && resolve())
  })
  const open = await guest.dial('echo')
  await direct
  assert.equal(await speak(open, 'before'), 'before')
  await lab.mesh.stopHub()
  assert.equal(await speak(open, 'after'), 'after')
  assert.equal(await echo(guest, 'new'), 'new')
  await lab.mesh.restartHub()
})

test('a service may be hosted while the controller is away: it is found when that is back', async () => {
  await using lab = await createSdkLab()
  await lab.service('echo')
  const host = lab.context(await lab.identity('host', 'host'), { requestTimeoutMs: 2_000 })
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  await lab.mesh.stopHub()
  await hostEcho(host)
  const failed = await guest.dial('echo').then(
    () => assert.fail('dialled nowhere'),
    error => error,
  )
  assert.ok(['connection-failed', 'timeout', 'no-edge-routers'].includes(failed.reason), failed.reason)
  await lab.mesh.restartHub()
  await until(() => echoes(guest), 'the service is found')
})
