import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MeshError } from '../core/model/errors.ts'
import { echo, hostEcho } from '../testing/echo-service.ts'
import { createLocalMesh } from '../testing/local-mesh.ts'
import { until } from '../testing/until.ts'

test('dial() that is given up while its session is being opened opens no stream', async () => {
  await using mesh = await createLocalMesh()
  const host = await mesh.join('host')
  const guest = await mesh.join('guest')
  const { service, open, callers } = await hostEcho(host, 'tcp/echo')
  assert.equal(await echo(guest, service, 'hello'), 'hello')
  await until(() => open.size === 0, 'the first one is acknowledged')
  guest.membership.peers.drop(() => true, new MeshError('link-closed', 'Dropped'))
  const dialing = guest.host.dial(service)
  // The ticket is known: from here on it waits for its session.
  await new Promise(resolve => setImmediate(resolve))
  dialing.cancel()
  // The next one goes over that same session, behind it.
  assert.equal(await echo(guest, service, 'again'), 'again')
  await assert.rejects(dialing.opened)
  assert.equal(callers.length, 2)
  await until(() => open.size === 0, 'the host has no stream any more')
})
