import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestContext } from '../../testing/edge-context.ts'
import { createApiSessions } from './api-sessions.ts'
import type { IdentityRecord } from './edge-records.ts'
import { openEdgeTables } from './edge-tables.ts'

const ID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'

function identity(name: string, more: Partial<IdentityRecord> = {}): IdentityRecord {
  return {
    version: 1,
    id: ID,
    createdAtMs: 1,
    updatedAtMs: 1,
    tags: {},
    name,
    typeId: 'Device',
    isAdmin: false,
    roleAttributes: [],
    authPolicyId: 'default',
    defaultHostingCost: 0,
    defaultHostingPrecedence: 'default',
    serviceHostingCosts: {},
    serviceHostingPrecedences: {},
    serviceConfigs: [],
    appData: {},
    ...more,
  }
}

test('tables begin with the built-in entities, and what is deleted of them stays away', async () => {
  await using context = await openTestContext()
  const tables = await openEdgeTables(context)
  assert.deepEqual(
    tables.configTypes.list().map(({ id }) => id),
    ['host.v1', 'intercept.v1'],
  )
  assert.equal(tables.authPolicies.get('default')?.name, 'Default')
  const [all] = tables.edgeRouterPolicies.list()
  assert.deepEqual([all?.identityRoles, all?.edgeRouterRoles], [['#all'], ['#all']])
  await tables.edgeRouterPolicies.delete(all?.id ?? '')
  assert.equal((await openEdgeTables(context)).edgeRouterPolicies.size, 0)
})

test('tables find by name and index, and follow changes', async () => {
  await using context = await openTestContext()
  const { identities } = await openEdgeTables(context)
  await identities.put(identity('one', { externalId: 'sub-1' }))
  assert.equal(identities.named('one')?.id, ID)
  assert.equal(identities.by('externalId', 'sub-1').length, 1)
  await identities.put(identity('two'))
  assert.equal(identities.named('one'), undefined)
  assert.deepEqual(identities.by('externalId', 'sub-1'), [])
  assert.deepEqual(
    identities.list().map(({ name }) => name),
    ['two'],
  )
  await identities.delete(ID)
  assert.equal(identities.named('two'), undefined)
})

test('a login is good while it is used, or linked, and ends half an hour after', async () => {
  await using context = await openTestContext()
  const tables = await openEdgeTables(context)
  const linked = new Set<string>()
  const ended: string[] = []
  const sessions = createApiSessions(context, {
    tables,
    isLinked: id => linked.has(id),
    onEnd: async (_, reason) => void ended.push(reason),
  })
  await tables.identities.put(identity('one'))
  const policy = tables.authPolicies.get('default')
  assert.ok(policy)
  const login = { identity: identity('one'), authPolicy: policy }
  const { clock } = context
  const order = { login, method: 'password', configTypes: [], address: '192.0.2.1:4' }
  const { session, token } = await sessions.open(order, clock.now())
  assert.ok(!JSON.stringify(await context.store.list('edge-api-session/')).includes(token))
  clock.advance(29 * 60_000)
  assert.equal(sessions.find(token, clock.now())?.id, session.id)
  clock.advance(29 * 60_000)
  assert.equal(sessions.find(token, clock.now())?.id, session.id)
  linked.add(session.id)
  clock.advance(3_600_000)
  assert.equal(sessions.get(session.id, clock.now())?.id, session.id)
  linked.clear()
  assert.equal(sessions.find(token, clock.now()), undefined)
  await sessions.sweep(clock.now())
  assert.deepEqual(ended, ['expired'])
  assert.equal(tables.apiSessions.size, 0)
})
