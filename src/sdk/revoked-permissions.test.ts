import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { createSdkLab } from '../testing/sdk-lab.ts'
import { until } from '../testing/until.ts'
import type { Context } from './context.ts'

interface Taken {
  readonly what: string
  /** The path of the management API and the body that take it. */
  readonly by: (ids: {
    host: string
    guest: string
    service: string
    policy: string
  }) => [string, string, object?]
}

const TAKEN: Taken[] = [
  {
    what: 'the attributes of who dials',
    by: ({ guest }) => ['PATCH', `/identities/${guest}`, { roleAttributes: [] }],
  },
  { what: 'the policy by which one dials', by: ({ policy }) => ['DELETE', `/service-policies/${policy}`] },
  {
    what: 'the attributes of who hosts',
    by: ({ host }) => ['PATCH', `/identities/${host}`, { roleAttributes: [] }],
  },
  {
    what: 'the attributes of the service',
    by: ({ service }) => ['PATCH', `/services/${service}`, { roleAttributes: [] }],
  },
  { what: 'the service', by: ({ service }) => ['DELETE', `/services/${service}`] },
]

async function hostEcho(context: Context, service: string): Promise<void> {
  const listener = await context.listen(service)
  listener.onConnection(connection => connection.on('error', () => {}).pipe(connection))
}

for (const { what, by } of TAKEN) {
  test(`an open stream ends within 2 s when ${what} is taken, and no other does`, async () => {
    await using lab = await createSdkLab()
    const service = await lab.service('echo')
    await lab.service('other')
    const [host, guest] = [await lab.identity('host', 'host'), await lab.identity('guest', 'dialler')]
    const [bystander, keeper] = [
      await lab.identity('bystander', 'other'),
      await lab.identity('keeper', 'keeper'),
    ]
    const roles = { semantic: 'AnyOf', serviceRoles: ['@other'] }
    await lab.create('service-policies', {
      ...roles,
      name: 'other dial',
      type: 'Dial',
      identityRoles: ['@bystander'],
    })
    await lab.create('service-policies', {
      ...roles,
      name: 'other bind',
      type: 'Bind',
      identityRoles: ['@keeper'],
    })
    const policies = (await lab.manage('GET', '/service-policies?limit=100')) as {
      id: string
      name: string
    }[]
    const policy = policies.find(({ name }) => name === 'lab-Dial')?.id ?? ''
    await hostEcho(lab.context(host), 'echo')
    await hostEcho(lab.context(keeper), 'other')
    const connection = await lab.context(guest).dial('echo')
    const untouched = await lab.context(bystander).dial('other')
    for (const one of [connection, untouched]) {
      one.write('one')
      await once(one, 'data')
    }
    let endedAt = 0
    connection.once('error', () => {
      endedAt = performance.now()
    })
    const [method, path, body] = by({ host: host.id, guest: guest.id, service, policy })
    await lab.manage(method, path, body)
    const since = performance.now()
    await until(() => connection.destroyed, 'the stream ended')
    assert.ok(endedAt - since < 2_000, `after ${endedAt - since} ms`)
    untouched.write('two')
    assert.equal(String((await once(untouched, 'data'))[0]), 'two')
  })
}

test('a dial is listed as a session, and its streams end within 2 s when that is deleted', async () => {
  await using lab = await createSdkLab()
  await lab.service('echo')
  const [host, guest] = [await lab.identity('host', 'host'), await lab.identity('guest', 'dialler')]
  await hostEcho(lab.context(host), 'echo')
  const context = lab.context(guest)
  const connection = await context.dial('echo')
  connection.on('error', () => {}).write('one')
  await once(connection, 'data')
  const sessions = (await lab.manage('GET', '/sessions')) as {
    id: string
    type: string
    identityId: string
  }[]
  const [session, ...others] = sessions.filter(({ identityId }) => identityId === guest.id)
  assert.deepEqual([session?.type, others], ['Dial', []])
  const since = performance.now()
  await lab.manage('DELETE', `/sessions/${session?.id}`)
  await until(() => connection.destroyed, 'the stream ended')
  assert.ok(performance.now() - since < 2_000, 'in time')
  // The policy still lets it: whoever dials again gets another.
  const again = await context.dial('echo')
  again.on('error', () => {}).write('two')
  assert.equal(String((await once(again, 'data'))[0]), 'two')
})
