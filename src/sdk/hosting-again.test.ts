import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'

test('what a policy no longer lets a program host is hosted again when one does', async () => {
  await using lab = await createSdkLab()
  await lab.service('greeter')
  const host = lab.context(await lab.identity('host', 'special'))
  const guest = lab.context(await lab.identity('guest', 'dialler'))
  const policy = { type: 'Bind', semantic: 'AnyOf', identityRoles: ['#special'], serviceRoles: ['@greeter'] }
  const id = await lab.create('service-policies', { name: 'special', ...policy })
  const listener = await host.listen('greeter')
  listener.onConnection(connection => connection.end('hello'))
  const ask = async () => {
    const connection = await guest.dial('greeter')
    connection.end()
    return text(connection)
  }
  assert.equal(await ask(), 'hello')
  await lab.manage('DELETE', `/service-policies/${id}`)
  await until(() => listener.error?.reason === 'denied', 'the program knows')
  const isRefused = () =>
    ask().then(
      () => false,
      () => true,
    )
  await until(isRefused, 'nobody dials it any more')
  await lab.create('service-policies', { name: 'again', ...policy })
  await until(() => listener.error === undefined, 'it is hosted again')
  assert.equal(await ask(), 'hello')
})
