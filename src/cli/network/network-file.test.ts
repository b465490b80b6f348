import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { stringify } from 'yaml'
import { writeNetwork } from '../../core/edge/network-file.ts'
import { canonical, type KnownNetwork, planNetwork } from '../../core/edge/network-plan.ts'
import { type Network, type NetworkItem, SECTIONS } from '../../core/edge/network-shape.ts'
import { parseNetwork } from './parse-network.ts'

const read = (text: string) => parseNetwork(text, 'network.yaml')

test('parseNetwork() fills in what is left out', async () => {
  const { name, sections } = await read(`
services:
  - name: db
policies:
  - { name: p, type: Dial, identityRoles: ['#sales'], serviceRoles: ['@db'] }
authPolicies:
  - name: people
    cert: { allowed: false }
`)
  assert.equal(name, 'default')
  assert.deepEqual(sections.services, [
    {
      name: 'db',
      roleAttributes: [],
      configs: [],
      terminatorStrategy: 'smartrouting',
      maxIdleTimeMillis: 0,
      tags: {},
    },
  ])
  assert.deepEqual(sections.policies[0], {
    name: 'p',
    type: 'Dial',
    semantic: 'AnyOf',
    identityRoles: ['#sales'],
    serviceRoles: ['@db'],
    tags: {},
  })
  assert.deepEqual(
    [sections.authPolicies[0]?.cert, sections.authPolicies[0]?.apiKey],
    [{ allowed: false, allowExpiredCerts: false }, { allowed: true }],
  )
  assert.deepEqual(sections.identities, [])
})

test('examples/network.yaml is read, and has something of everything', async () => {
  const text = readFileSync(join(import.meta.dirname, '../../../examples/network.yaml'), 'utf8')
  const { sections } = await read(text)
  for (const section of SECTIONS) assert.ok(sections[section].length > 0, section)
})

test('parseNetwork() takes JSON, and an empty file as a network of nothing', async () => {
  assert.deepEqual((await read('{"name": "prod", "services": [{"name": "db"}]}')).name, 'prod')
  assert.deepEqual((await read('# nothing yet\n')).sections.services, [])
})

test('parseNetwork() says where it does not understand', async () => {
  const cases: readonly [string, RegExp][] = [
    ['services: [', /"network\.yaml": .+ at line 1/],
    ['a: 1\na: 2', /Map keys must be unique/],
    ['servces: []', /nothing is called "servces" there/],
    ['services:\n  - {name: db, role: x}', /services\[0\]: nothing is called "role" there/],
    ['policies:\n  - {name: p}', /policies\[0\]\.type: /],
    [
      'policies:\n  - {name: p, type: Dial, identityRoles: [sales]}',
      /identityRoles\[0\]: a role is #attribute/,
    ],
    ['services: [{name: a}, {name: b}, {name: a}]', /services: "a" stands there twice/],
    ['services: [{name: ""}]', /services\[0\]\.name: /],
    ['- 1', /expected object, received array/],
    ['name: a b', /: name: letters/],
  ]
  for (const [text, message] of cases)
    await assert.rejects(read(text), error => {
      assert.equal((error as { code?: string }).code, 'bad-input')
      assert.match((error as Error).message, message)
      return true
    })
})

test('parseNetwork() does not let aliases multiply', async () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const below = level === 0 ? 'x' : `*a${level - 1}`
    return `a${level}: &a${level} [${Array(9).fill(below).join(', ')}]`
  })
  await assert.rejects(read(levels.join('\n')), { code: 'bad-input', message: /alias/i })
})

const PIECES = [
  ...[
    'services:',
    'policies:',
    'name:',
    'type: Dial',
    '- ',
    '  ',
    '\n',
    ': ',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '#',
    '@x',
  ],
  ...[
    '&a ',
    '*a',
    '*b',
    '? ',
    '| ',
    '> ',
    '---\n',
    '...\n',
    '%YAML 1.2',
    '!!binary ',
    '!x ',
    '<<: ',
    '\t',
    '\u0000',
    '😀',
    '1e999',
  ],
]

test('parseNetwork() answers any text with a network or bad-input, and nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }), async pieces => {
      try {
        await read(pieces.join(''))
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'bad-input', `${error}`)
      }
    }),
    { numRuns: Number(process.env.ZTM_FUZZ_RUNS ?? 500) },
  )
})

const word = fc.stringMatching(/^[a-z]{1,4}$/)
const words = fc.uniqueArray(word, { maxLength: 3 })
const roles = fc.uniqueArray(fc.stringMatching(/^[#@][a-z]{1,3}$/), { maxLength: 3 })
const tags = fc.dictionary(word, fc.oneof(word, fc.integer(), fc.boolean()), {
  maxKeys: 2,
  noNullPrototype: true,
})
const text = fc.option(fc.string({ minLength: 1, maxLength: 6 }))
const semantic = fc.constantFrom('AnyOf', 'AllOf')
const allowed = fc.record({ allowed: fc.boolean() })

const ITEMS = {
  configTypes: fc.record({
    schema: fc.constant({ type: 'object', a: [1] }),
    target: fc.constantFrom('service', 'router'),
  }),
  configs: fc.record({
    type: word,
    data: fc.dictionary(word, fc.oneof(word, fc.integer(), fc.array(word)), { noNullPrototype: true }),
  }),
  signers: fc.record({
    issuer: word,
    audience: word,
    enabled: fc.boolean(),
    jwksEndpoint: text,
    certPem: text,
    kid: text,
    claimsProperty: word,
    useExternalId: fc.boolean(),
    clientId: text,
    scopes: words,
    externalAuthUrl: text,
    targetToken: fc.constantFrom('ACCESS', 'ID'),
    enrollToCertEnabled: fc.boolean(),
    enrollToTokenEnabled: fc.boolean(),
    enrollNameClaimsSelector: text,
    enrollAttributeClaimsSelector: text,
    enrollAuthPolicy: text,
  }),
  authPolicies: fc.record({
    cert: fc.record({ allowed: fc.boolean(), allowExpiredCerts: fc.boolean() }),
    extJwt: fc.record({ allowed: fc.boolean(), allowedSigners: words }),
    updb: fc.record({
      allowed: fc.boolean(),
      minPasswordLength: fc.nat(9),
      requireSpecialChar: fc.boolean(),
      requireNumberChar: fc.boolean(),
      requireMixedCase: fc.boolean(),
      maxAttempts: fc.nat(9),
      lockoutDurationMinutes: fc.nat(9),
    }),
    apiKey: allowed,
    secondSigner: fc.option(word),
  }),
  identities: fc.record({
    type: fc.constantFrom('User', 'Device'),
    isAdmin: fc.boolean(),
    roleAttributes: words,
    externalId: text,
    authPolicy: fc.constantFrom('Default', 'people'),
    defaultHostingCost: fc.nat(3),
    defaultHostingPrecedence: fc.constantFrom('default', 'failed'),
    appData: tags,
  }),
  services: fc.record({
    roleAttributes: words,
    configs: words,
    terminatorStrategy: fc.constantFrom('smartrouting', 'sticky'),
    maxIdleTimeMillis: fc.nat(3),
  }),
  policies: fc.record({
    type: fc.constantFrom('Dial', 'Bind'),
    semantic,
    identityRoles: roles,
    serviceRoles: roles,
  }),
  edgeRouterPolicies: fc.record({ semantic, identityRoles: roles, edgeRouterRoles: roles }),
  serviceEdgeRouterPolicies: fc.record({ semantic, serviceRoles: roles, edgeRouterRoles: roles }),
} as const

const networks: fc.Arbitrary<Network> = fc.record({
  name: fc.constantFrom('default', 'prod'),
  sections: fc.record(
    Object.fromEntries(
      SECTIONS.map(section => [
        section,
        fc
          .uniqueArray(fc.tuple(word, tags, ITEMS[section] as fc.Arbitrary<object>), {
            maxLength: 3,
            selector: ([name]) => name,
          })
          .map(items => items.map(([name, tags, members]) => ({ ...members, name, tags }) as NetworkItem)),
      ]),
    ),
  ) as fc.Arbitrary<Network['sections']>,
})

test('writeNetwork() writes what parseNetwork() reads back, in YAML and JSON', async () => {
  await fc.assert(
    fc.asyncProperty(networks, async drawn => {
      const network = structuredClone(drawn)
      const document = writeNetwork(network)
      assert.deepEqual(await read(JSON.stringify(document)), network)
      assert.deepEqual(await read(stringify(document)), network)
    }),
    { numRuns: 60 },
  )
})

test('planNetwork() has nothing to do where everything is as it should be, and everything where nothing is', () => {
  fc.assert(
    fc.property(networks, fc.boolean(), (network, isPruning) => {
      const known = Object.fromEntries(
        SECTIONS.map(section => {
          const items = network.sections[section].map(item => ({ id: item.name, item: canonical(item) }))
          return [section, items.map(each => ({ ...each, madeBy: undefined }))]
        }),
      ) as unknown as KnownNetwork
      const count = SECTIONS.reduce((sum, section) => sum + network.sections[section].length, 0)
      assert.deepEqual(planNetwork(network, known, isPruning), { steps: [], keptCount: count })
      const fresh = planNetwork(network, EMPTY, isPruning)
      assert.deepEqual([fresh.steps.length, fresh.keptCount], [count, 0])
    }),
    { numRuns: 60 },
  )
})

const EMPTY = Object.fromEntries(SECTIONS.map(section => [section, []])) as never as Network['sections'] &
  never
