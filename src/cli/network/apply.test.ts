import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { createFakeEdge, type FakeEntity } from '../../testing/fake-edge.ts'
import { openLab } from '../recorded-world.ts'

async function lab(t: TestContext, collections: Record<string, FakeEntity[]> = {}) {
  const { daemons, ...rest } = await openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS })
  const edge = createFakeEdge({ 'auth-policies': [{ id: 'default', name: 'Default' }], ...collections })
  daemons.answer('agent.passEdge', edge.answer)
  return { edge, ...rest }
}

const NETWORK = `
configs:
  - name: db-host
    type: host.v1
    data: { port: 5432 }
identities:
  - name: ann
    roleAttributes: [sales]
services:
  - name: db
    configs: [db-host]
policies:
  - name: sales-dial
    type: Dial
    identityRoles: ['#sales']
    serviceRoles: ['@db']
`

const TYPES = { 'config-types': [{ id: 'host.v1', name: 'host.v1' }] }

test('apply shows what it makes, and sends it with ids, marked', async t => {
  const { ztm, edge, folder } = await lab(t, TYPES)
  writeFileSync(folder.file('n.yaml'), NETWORK)
  const shown = `+ config db-host
    type: host.v1
    data: {"port":5432}
+ identity ann
    type: User
    isAdmin: false
    roleAttributes: [sales]
    authPolicy: Default
    defaultHostingCost: 0
    defaultHostingPrecedence: default
+ service db
    configs: [db-host]
    terminatorStrategy: smartrouting
    maxIdleTimeMillis: 0
+ policy sales-dial
    type: Dial
    semantic: AnyOf
    identityRoles: [#sales]
    serviceRoles: [@db]
4 created, 0 changed, 0 deleted, 0 as declared`
  const dry = await ztm('apply', '-f', 'n.yaml', '--dry-run')
  assert.deepEqual(dry, { code: 0, stdout: `${shown} (dry run: nothing was done)\n`, stderr: '' })
  assert.deepEqual(edge.changes, [])
  assert.deepEqual(await ztm('apply', '-f', 'n.yaml'), { code: 0, stdout: `${shown}\n`, stderr: '' })
  const bodies = Object.fromEntries(edge.changes.map(({ request, body }) => [request, body]))
  assert.deepEqual(bodies['POST /configs'], {
    name: 'db-host',
    configTypeId: 'host.v1',
    data: { port: 5432 },
    tags: { 'ztm-apply': 'default' },
  })
  const [config] = edge.collections.configs ?? []
  assert.deepEqual(bodies['POST /services'], {
    name: 'db',
    roleAttributes: [],
    configs: [config?.id],
    terminatorStrategy: 'smartrouting',
    maxIdleTimeMillis: 0,
    encryptionRequired: true,
    tags: { 'ztm-apply': 'default' },
  })
})

test('apply does nothing a second time, changes what changed, and prunes what is gone', async t => {
  const { ztm, edge, folder } = await lab(t, TYPES)
  writeFileSync(folder.file('n.yaml'), NETWORK)
  await ztm('apply', '-f', 'n.yaml', '-q')
  // As the controller shows it.
  for (const identity of edge.collections.identities ?? []) Object.assign(identity, { typeId: identity.type })
  edge.changes.length = 0
  assert.equal((await ztm('apply', '-f', 'n.yaml')).stdout, 'No change: 4 as declared\n')
  const changed = NETWORK.replace('[sales]', '[sales, eu]').replace(/policies:.*$/s, '')
  writeFileSync(folder.file('n.yaml'), changed)
  const { stdout } = await ztm('apply', '-f', 'n.yaml', '--prune')
  assert.equal(
    stdout,
    `~ identity ann
    roleAttributes: [sales] -> [sales, eu]
- policy sales-dial
0 created, 1 changed, 1 deleted, 2 as declared
`,
  )
  assert.deepEqual(
    edge.changes.map(({ request }) => request.replace(/[0-9a-f-]{36}/, 'ID')),
    ['PATCH /identities/ID', 'DELETE /service-policies/ID'],
  )
  assert.deepEqual(JSON.parse((await ztm('apply', '-f', 'n.yaml', '-o', 'json')).stdout), {
    isDryRun: false,
    changes: [],
    keptCount: 3,
  })
})

test('export prints what apply takes, without the mesh, what is built in, and secrets', async t => {
  const { ztm, folder } = await lab(t, {
    ...TYPES,
    identities: [
      { id: '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11', name: 'laptop', typeId: 'Device' },
      { id: 'root', name: 'root', typeId: 'User' },
      {
        id: 'i1',
        name: 'ann',
        typeId: 'User',
        enrollment: { ott: { jwt: 'secret' } },
        tags: { 'ztm-apply': 'prod' },
      },
    ],
    services: [{ id: 's1', name: 'db', roleAttributes: ['b', 'a'] }],
  })
  const all = await ztm('export')
  assert.equal(
    all.stdout,
    `authPolicies:
  - name: Default
identities:
  - name: ann
services:
  - name: db
    roleAttributes:
      - b
      - a
`,
  )
  assert.deepEqual(JSON.parse((await ztm('export', '--network', 'prod', '-o', 'json')).stdout), {
    name: 'prod',
    identities: [{ name: 'ann' }],
  })
  writeFileSync(folder.file('n.yaml'), all.stdout)
  assert.equal((await ztm('apply', '-f', 'n.yaml')).code, 6, 'ann is of another network')
})

test('apply says what is wrong with a file, and does nothing', async t => {
  const { ztm, edge, folder } = await lab(t)
  writeFileSync(folder.file('n.yaml'), 'services: [{name: db, roles: []}]')
  const { code, stderr } = await ztm('apply', '-f', 'n.yaml')
  assert.deepEqual(
    [code, stderr],
    [
      2,
      'ztm: Cannot read "n.yaml": services[0]: nothing is called "roles" there: see examples/network.yaml\n',
    ],
  )
  writeFileSync(folder.file('n.yaml'), 'services: [{name: db, configs: [nope]}]')
  assert.equal((await ztm('apply', '-f', 'n.yaml')).code, 3)
  assert.deepEqual(edge.changes, [])
})
