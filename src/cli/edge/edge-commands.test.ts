import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { FAKE_NOW_MS } from '../../testing/fake-answers.ts'
import { startFakeDaemons } from '../../testing/fake-daemons.ts'
import { createFakeEdge, type FakeEntity } from '../../testing/fake-edge.ts'
import { openLab } from '../recorded-world.ts'

async function lab(t: TestContext, collections: Record<string, FakeEntity[]> = {}) {
  const { daemons, ...rest } = await openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS })
  const edge = createFakeEdge(collections)
  daemons.answer('agent.passEdge', edge.answer)
  return { edge, daemons, ...rest }
}

const DB = { id: 's1', name: 'db', roleAttributes: ['data'], configs: [], terminatorStrategy: 'smartrouting' }
const CORP = { id: 'j1', name: 'corp', issuer: 'https://login.example', audience: 'ztm', enabled: true }
const POLICY = {
  id: 'p1',
  name: 'sales-dial',
  type: 'Dial',
  semantic: 'AnyOf',
  identityRoles: ['#sales', '@i1'],
  identityRolesDisplay: [
    { role: '#sales', name: '#sales' },
    { role: '@i1', name: '@ann' },
  ],
  serviceRoles: ['@s1'],
  serviceRolesDisplay: [{ role: '@s1', name: '@db' }],
  createdAt: new Date(FAKE_NOW_MS).toISOString(),
}

test('create sends what the options say, over what a new one has', async t => {
  const { ztm, edge } = await lab(t, {
    'external-jwt-signers': [CORP],
    configs: [{ id: 'c1', name: 'host' }],
  })
  const lines = [
    ['service', 'db', '-a', 'data', 'eu', '--configs', 'host', '--max-idle', '2m', '--tags', 'team=red'],
    ['policy', 'p', '--type', 'Dial', '--identities', 'sales', '#eu', '@ann', '--services', 'all'],
    ['auth-policy', 'people', '--allow', 'ext-jwt', '--signers', 'corp', '--lockout', '90s'],
    [
      'identity',
      'ann',
      '--no-admin',
      '--external-id',
      'a@b',
      '--set',
      'defaultHostingCost=3',
      'appData={"a":1}',
    ],
    ['config', 'h', '--type', 'host', '--value', '{port: 80}'],
    ['signer', 's', '--issuer', 'i', '--audience', 'a', '--jwks', 'https://x/y', '--by-id', '--disabled'],
  ]
  edge.collections['config-types'] = [{ id: 'host.v1', name: 'host' }]
  for (const line of lines) {
    const { code, stdout, stderr } = await ztm('create', ...line)
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, line.join(' '))
    assert.equal(stdout, `Created ${line[0]} ${line[1]}\n`)
  }
  assert.deepEqual(
    edge.changes.map(({ request, body }) => [request, body]),
    [
      [
        'POST /services',
        {
          encryptionRequired: true,
          name: 'db',
          roleAttributes: ['data', 'eu'],
          configs: ['c1'],
          maxIdleTimeMillis: 120_000,
          tags: { team: 'red' },
        },
      ],
      [
        'POST /service-policies',
        {
          semantic: 'AnyOf',
          name: 'p',
          type: 'Dial',
          identityRoles: ['#sales', '#eu', '@ann'],
          serviceRoles: ['#all'],
        },
      ],
      [
        'POST /auth-policies',
        {
          name: 'people',
          primary: {
            cert: { allowed: false, allowExpiredCerts: false },
            extJwt: { allowed: true, allowedSigners: ['j1'] },
            updb: {
              allowed: false,
              minPasswordLength: 8,
              requireSpecialChar: false,
              requireNumberChar: false,
              requireMixedCase: false,
              maxAttempts: 5,
              lockoutDurationMinutes: 2,
            },
            apiKey: { allowed: false },
          },
          secondary: {},
        },
      ],
      [
        'POST /identities',
        {
          type: 'User',
          isAdmin: false,
          name: 'ann',
          externalId: 'a@b',
          defaultHostingCost: 3,
          appData: { a: 1 },
        },
      ],
      ['POST /configs', { data: { port: 80 }, name: 'h', configTypeId: 'host.v1' }],
      [
        'POST /external-jwt-signers',
        {
          enabled: false,
          name: 's',
          issuer: 'i',
          audience: 'a',
          jwksEndpoint: 'https://x/y',
          useExternalId: false,
        },
      ],
    ],
  )
})

test('create identity --ott writes the token for its reader alone', async t => {
  const { ztm, edge, folder, daemons } = await lab(t)
  daemons.answer('agent.passEdge', call => {
    const { method } = call.body as { method: string }
    if (method === 'POST') return edge.answer(call)
    const shown = { id: 'i1', name: 'ann', enrollment: { ott: { jwt: 'a.b.c' } } }
    return { status: 200, body: { data: shown, meta: {} } }
  })
  assert.equal((await ztm('create', 'identity', 'ann', '--ott', 'ann.jwt')).code, 0)
  assert.equal(readFileSync(folder.file('ann.jwt'), 'utf8'), 'a.b.c\n')
  assert.equal(statSync(folder.file('ann.jwt')).mode & 0o777, 0o600)
  assert.deepEqual(edge.changes[0]?.body, {
    type: 'User',
    isAdmin: false,
    name: 'ann',
    enrollment: { ott: true },
  })
})

test('create enrollment prints the token alone on standard output', async t => {
  const { ztm, edge } = await lab(t, { identities: [{ id: 'i1', name: 'ann' }] })
  const { code, stdout, stderr } = await ztm('create', 'enrollment', 'ann', '--expires', '1h', '--set', 'x')
  assert.deepEqual([code, stdout], [2, ''], 'it has no other members')
  assert.match(stderr, /unknown option/)
  await ztm('create', 'enrollment', 'ann', '--expires', '1h')
  const { identityId, method, expiresAt } = (edge.changes[0]?.body ?? {}) as Record<string, string>
  assert.deepEqual([identityId, method], ['i1', 'ott'])
  assert.ok(Math.abs(Date.parse(expiresAt ?? '') - FAKE_NOW_MS - 3_600_000) < 60_000)
})

test('create authenticator gives an API key once, or sets a password that is nowhere on the line', async t => {
  const { ztm, edge, folder, daemons } = await lab(t, { identities: [{ id: 'i1', name: 'ann' }] })
  daemons.answer('agent.passEdge', call => {
    const answer = edge.answer(call) as { body: { data: object } }
    if ((call.body as { method: string }).method === 'POST')
      Object.assign(answer.body.data, { apiKey: 'hk-1' })
    return answer
  })
  const { stdout } = await ztm('create', 'authenticator', 'ann')
  assert.equal(stdout, 'hk-1\n')
  assert.deepEqual(edge.changes[0]?.body, { identityId: 'i1', method: 'api-key' })
  await ztm('create', 'authenticator', 'ann', '--expires', '1d', '--key', 'k')
  assert.equal(readFileSync(folder.file('k'), 'utf8'), 'hk-1\n')
  writeFileSync(folder.file('pw'), 'correct horse\n')
  await ztm('create', 'authenticator', 'ann', '--method', 'updb', '--username', 'a', '--password', 'pw')
  assert.deepEqual(edge.changes[2]?.body, {
    identityId: 'i1',
    method: 'updb',
    username: 'a',
    password: 'correct horse',
  })
  assert.equal((await ztm('create', 'authenticator', 'ann', '--method', 'updb')).code, 2)
})

test('update changes what is named and nothing else', async t => {
  const { ztm, edge } = await lab(t, {
    services: [DB],
    identities: [{ id: 'i1', name: 'ann' }],
    'identities/i1/disable': [],
  })
  assert.equal((await ztm('update', 'service', 'db', '--strategy', 'weighted', '--rename', 'db2')).code, 0)
  assert.equal((await ztm('update', 'service', 's1', '--attributes', 'x', '-q')).stdout, '')
  assert.deepEqual(edge.changes, [
    { request: 'PATCH /services/s1', body: { terminatorStrategy: 'weighted', name: 'db2' } },
    { request: 'PATCH /services/s1', body: { roleAttributes: ['x'] } },
  ])
  await ztm('update', 'identity', 'ann', '--disable', '90s')
  assert.deepEqual(edge.changes.at(-1), {
    request: 'POST /identities/i1/disable',
    body: { durationMinutes: 2 },
  })
})

test('delete takes names and ids, and says which is missing', async t => {
  const { ztm, edge } = await lab(t, { services: [DB, { id: 's2', name: 'web' }] })
  assert.equal(
    (await ztm('delete', 'service', 'db', 's2')).stdout,
    'Deleted service db\nDeleted service web\n',
  )
  assert.deepEqual(edge.collections.services, [])
  const { code, stderr } = await ztm('delete', 'services', 'db')
  assert.deepEqual(
    [code, stderr],
    [3, 'ztm: Cannot find service "db": there is none: see `ztm get service`\n'],
  )
})

test('a name that several have is told apart by id', async t => {
  const { ztm } = await lab(t, {
    configs: [
      { id: 'a', name: 'x' },
      { id: 'x', name: 'y' },
      { id: 'b', name: 'z' },
      { id: 'c', name: 'z' },
    ],
  })
  assert.match((await ztm('describe', 'config', 'x')).stdout, /^Config: y$/m)
  const { code, stderr } = await ztm('describe', 'config', 'z')
  assert.equal(code, 3)
  assert.match(stderr, /there are several: give its id/)
})

test('get lists what the controller keeps, roles by name', async t => {
  const { ztm } = await lab(t, { 'service-policies': [POLICY], 'external-jwt-signers': [CORP] })
  assert.equal(
    (await ztm('get', 'policies')).stdout,
    'NAME        TYPE  SEMANTIC  IDENTITIES   SERVICES  ID\nsales-dial  Dial  AnyOf     #sales,@ann  @db       p1\n',
  )
  assert.deepEqual(JSON.parse((await ztm('get', 'signer', '-o', 'json')).stdout), [CORP])
  assert.equal((await ztm('get', 'policy', '--filter', 'type = "Bind"', '-o', 'name')).stdout, '')
  const { code, stderr } = await ztm('get', 'policy', '--filter', 'type =')
  assert.deepEqual(
    [code, stderr],
    [
      2,
      'ztm: Cannot read service-policies: Cannot read the filter at position 6: the end stands where a value should (INVALID_FILTER)\n',
    ],
  )
  assert.equal((await ztm('get', 'ep', '--filter', 'true')).code, 2)
})

test('get service shows what is hosted and what is declared, once', async t => {
  const web = { ...DB, id: 's2', name: 'tcp/web', roleAttributes: ['public'] }
  const { ztm } = await lab(t, { services: [DB, web] })
  assert.equal(
    (await ztm('get', 'service')).stdout,
    `NAME     OWNER       ENDPOINTS  ONLINE  HEALTH    ATTRIBUTES
tcp/db   (policies)  -          0/0     unhosted  data
tcp/web  (policies)  office     1/1     up        public
`,
  )
  assert.match(
    (await ztm('describe', 'service', 'db')).stdout,
    /^Service: +tcp\/db\nOwner: +\(policies\)\nHealth: +unhosted\nDeclared as: +db$/m,
  )
})

test('describe shows every member that says something', async t => {
  const { ztm } = await lab(t, { 'service-policies': [POLICY] })
  assert.equal(
    (await ztm('describe', 'policy', 'sales-dial')).stdout,
    `Policy:         sales-dial
Id:             p1
Type:           Dial
Semantic:       AnyOf
Identity roles: #sales
                @ann
Service roles:  @db
`,
  )
})

test('describe writes what is inside others a line each', async t => {
  const primary = { cert: { allowed: true }, extJwt: { allowed: false, allowedSigners: [] } }
  const { ztm } = await lab(t, {
    'auth-policies': [
      { id: 'a1', name: 'people', primary, secondary: { requireExtJwtSigner: null }, tags: {} },
    ],
  })
  assert.equal(
    (await ztm('describe', 'auth-policy', 'people')).stdout,
    `Auth policy: people
Id:          a1
Primary:     cert.allowed: yes
             extJwt.allowed: no
             extJwt.allowedSigners: (none)
Secondary:   requireExtJwtSigner: (none)
`,
  )
})

test('create and update terminator say how hosts rank, and get lists those that are planned', async t => {
  const { ztm, edge } = await lab(t, { terminators: [] })
  const words = ['db', '--endpoint', 'spare', '--precedence', 'failed', '--cost', '9']
  const made = await ztm('create', 'terminator', ...words)
  assert.deepEqual(made, { code: 0, stdout: 'Planned: spare as a host of db\n', stderr: '' })
  const rank = { cost: 9, precedence: 'failed' }
  assert.deepEqual(edge.changes[0], {
    request: 'POST /terminators',
    body: { service: 'db', address: 'spare', ...rank },
  })
  edge.collections.terminators = [
    { id: 't1', service: { name: 'db' }, host: { name: 'spare' }, ...rank, isHosting: false },
  ]
  assert.match((await ztm('get', 'terminator')).stdout, /^db +spare +- +failed +9 +planned +t1$/m)
  assert.equal((await ztm('update', 'terminator', 't1', '--cost', '3')).code, 0)
  assert.deepEqual(edge.changes[1], { request: 'PATCH /terminators/t1', body: { cost: 3 } })
  assert.equal((await ztm('update', 'terminator', 't1')).code, 2)
  assert.equal((await ztm('create', 'terminator', 'db')).code, 2)
})

test('update edge-router says what policies know of a hub; none is created, one that is gone is deleted', async t => {
  const { ztm, edge } = await lab(t, { 'edge-routers': [{ id: 'h1', name: 'hub', isOnline: true }] })
  assert.equal((await ztm('update', 'router', 'hub', '-a', 'eu', '--cost', '10', '--disabled')).code, 0)
  assert.deepEqual(edge.changes[0], {
    request: 'PATCH /edge-routers/h1',
    body: { roleAttributes: ['eu'], cost: 10, disabled: true },
  })
  assert.equal((await ztm('create', 'edge-router', 'x')).code, 2)
  assert.equal((await ztm('delete', 'edge-router', 'hub')).code, 0)
  assert.equal(edge.changes.at(-1)?.request, 'DELETE /edge-routers/h1')
})

test('policy test says which policy decides, and ends with 4 where it is denied', async t => {
  const advice = {
    isDialAllowed: true,
    isBindAllowed: false,
    dialPolicy: 'sales-dial',
    bindPolicy: null,
    commonRouters: [{ name: 'hub', isOnline: true }],
    explanation: ['Dial is allowed by policy "sales-dial"'],
  }
  const { ztm } = await lab(t, {
    services: [DB],
    identities: [{ id: 'i1', name: 'ann' }],
    'identities/i1/policy-advice/s1': [advice as unknown as FakeEntity],
  })
  const words = ['policy', 'test', '--identity', 'ann', '--service', 'db']
  const { code, stdout } = await ztm(...words)
  assert.deepEqual(
    [code, stdout],
    [
      0,
      `Identity: ann
Service:  db
Dial:     allowed by policy sales-dial
Bind:     denied: no policy allows it
Hubs:     hub (online)
Because:  Dial is allowed by policy "sales-dial"
`,
    ],
  )
  assert.equal((await ztm(...words, '--type', 'dial', '-q')).code, 0)
  assert.deepEqual(await ztm(...words, '--type', 'Bind', '-q'), { code: 4, stdout: '', stderr: '' })
  assert.equal((await ztm(...words, '--type', 'both')).code, 2)
})

test('what the controller refuses is told with its field, and an exit code', async t => {
  const { ztm, daemons, folder } = await lab(t)
  const refuse = (status: number, error: object) =>
    daemons.answer('agent.passEdge', () => ({ status, body: { error, meta: {} } }))
  refuse(400, {
    code: 'COULD_NOT_VALIDATE',
    message: 'The request is not valid',
    cause: { field: 'name', reason: 'there is one already', value: 'db' },
  })
  assert.deepEqual(await ztm('create', 'service', 'db'), {
    code: 2,
    stdout: '',
    stderr: 'ztm: Cannot create service "db": name: there is one already (COULD_NOT_VALIDATE)\n',
  })
  refuse(401, { code: 'UNAUTHORIZED', message: 'no' })
  assert.equal((await ztm('get', 'identity')).code, 4)
  refuse(429, { code: 'SERVER_TOO_MANY_REQUESTS', message: 'later' })
  assert.equal((await ztm('get', 'identity')).code, 9)
  daemons.answer('agent.passEdge', () => ({ status: 500 }))
  assert.equal((await ztm('get', 'identity')).code, 10)
  writeFileSync(folder.file('bad.yaml'), '- 1')
  assert.match(
    (await ztm('create', 'config', 'x', '--type', 'host.v1', '--file', 'bad.yaml')).stderr,
    /call|500/,
  )
  assert.match(
    (await ztm('create', 'config-type', 'x', '--schema', 'bad.yaml')).stderr,
    /it is a list, not an object/,
  )
})
