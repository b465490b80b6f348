import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AdviceQuestion, advisePolicy } from './policy-advice.ts'
import type { ServicePolicy } from './service-policies.ts'

const ANN = { id: 'i1', ids: ['i1'], attributes: ['sales'], name: 'ann' }
const DB = { id: 's1', ids: ['s1'], attributes: ['data', 'eu'], name: 'db' }
const ALL = { semantic: 'AnyOf', roles: ['#all'], edgeRouterRoles: ['#all'] } as const
const HUBS = [
  { id: 'h1', ids: ['h1'], attributes: ['eu'], name: 'hub-1', isOnline: true },
  { id: 'h2', ids: ['h2'], attributes: ['us'], name: 'hub-2', isOnline: false },
]

function policy(parts: Partial<ServicePolicy>): ServicePolicy {
  return {
    id: 'p',
    name: 'p',
    type: 'Dial',
    semantic: 'AnyOf',
    identityRoles: ['#all'],
    serviceRoles: ['#all'],
    ...parts,
  }
}

function ask(parts: Partial<AdviceQuestion>) {
  return advisePolicy({
    identity: ANN,
    service: DB,
    policies: [],
    identityRouterPolicies: [ALL],
    serviceRouterPolicies: [ALL],
    routers: HUBS,
    ...parts,
  })
}

test('advisePolicy() names the policy that decides, and the roles by which it does', () => {
  const second = policy({ id: '2', name: 'b-all' })
  const first = policy({ id: '3', name: 'a-sales', identityRoles: ['#x', '#sales'], serviceRoles: ['@s1'] })
  const bind = policy({
    id: '4',
    name: 'host',
    type: 'Bind',
    semantic: 'AllOf',
    serviceRoles: ['#data', '#eu'],
  })
  const nameOf = (id: string) => (id === 's1' ? 'db' : undefined)
  const { reasons, ...said } = ask({ policies: [second, bind, first], nameOf })
  const allowed = { type: 'Dial', policy: '"a-sales"', who: '#sales', what: '@db' }
  assert.deepEqual(reasons[0], { says: 'allowed', values: allowed })
  assert.deepEqual(said, {
    isDialAllowed: true,
    isBindAllowed: true,
    dialPolicy: first,
    bindPolicy: bind,
    identityRouterCount: 2,
    serviceRouterCount: 2,
    commonRouters: HUBS,
    explanation: [
      'Dial is allowed by policy "a-sales": #sales selects the identity, @db the service',
      'Bind is allowed by policy "host": #all selects the identity, #data and #eu the service',
      '1 of 2 hubs that both may use are online',
    ],
  })
})

test('advisePolicy() says what is missing', () => {
  const policies = [
    policy({ id: '1', name: 'who', identityRoles: ['#ops', '@i9'], serviceRoles: ['#data'] }),
    policy({ id: '2', name: 'what', serviceRoles: ['#web'], semantic: 'AllOf' }),
    policy({ id: '3', name: 'nobody', identityRoles: [] }),
    policy({ id: '4', name: 'neither', identityRoles: ['#ops'], serviceRoles: ['#web'] }),
  ]
  const { isDialAllowed, isBindAllowed, dialPolicy, explanation } = ask({ policies })
  assert.deepEqual([isDialAllowed, isBindAllowed, dialPolicy], [false, false, undefined])
  assert.deepEqual(explanation, [
    'Dial is denied: no policy of type Dial selects both identity "ann" and service "db"',
    'policy "nobody" selects the service, but not the identity: it selects none, the identity has #sales',
    'policy "what" selects the identity, but not the service: it wants AllOf #web, the service has #data #eu',
    'policy "who" selects the service, but not the identity: it wants AnyOf #ops @i9, the identity has #sales',
    'Bind is denied: no policy of type Bind selects both identity "ann" and service "db"',
    '1 of 2 hubs that both may use are online',
  ])
})

test('advisePolicy() shows five of the policies that nearly fit, and counts the others', () => {
  const policies = Array.from({ length: 9 }, (_, index) => policy({ id: `${index}`, identityRoles: ['#x'] }))
  const { explanation } = ask({ policies })
  assert.equal(explanation.filter(line => line.startsWith('policy ')).length, 5)
  assert.equal(explanation[6], '4 more policies of type Dial select one of the two')
})

test('advisePolicy() finds the hubs of both sides', () => {
  const eu = { semantic: 'AllOf', roles: ['#sales'], edgeRouterRoles: ['#eu'] } as const
  const us = { semantic: 'AnyOf', roles: ['@s1'], edgeRouterRoles: ['@h2'] } as const
  const routers = (parts: Partial<AdviceQuestion>) => {
    const { identityRouterCount, serviceRouterCount, commonRouters, explanation } = ask(parts)
    const common = commonRouters.map(({ name }) => name)
    return [identityRouterCount, serviceRouterCount, common.join(), explanation.at(-1)]
  }
  assert.deepEqual(routers({ identityRouterPolicies: [eu] }), [
    1,
    2,
    'hub-1',
    '1 of 1 hubs that both may use are online',
  ])
  assert.deepEqual(routers({ serviceRouterPolicies: [us] }), [
    2,
    1,
    'hub-2',
    'none of the 1 hubs that both may use is online',
  ])
  assert.deepEqual(routers({ identityRouterPolicies: [eu], serviceRouterPolicies: [us] }), [
    1,
    1,
    '',
    'no hub may be used by both: 1 by the identity, 1 for the service, none in common',
  ])
  assert.deepEqual(routers({ identityRouterPolicies: [] }), [
    0,
    2,
    '',
    'no hub may be used: no edge router policy selects the identity and a hub',
  ])
  assert.deepEqual(routers({ serviceRouterPolicies: [us], service: { ...DB, id: 's2', ids: [] } }), [
    2,
    0,
    '',
    'no hub may be used: no service edge router policy selects the service and a hub',
  ])
  assert.deepEqual(routers({ routers: [] }).at(-1), 'there is no hub')
})
