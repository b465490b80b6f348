import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type KnownNetwork, planNetwork } from '../../core/edge/network-plan.ts'
import { type NetworkItem, SECTIONS, type Section } from '../../core/edge/network-shape.ts'
import { parseNetwork } from './parse-network.ts'

/** What is there: items of files, each with its maker. */
async function knownOf(madeBy: string | undefined, text: string): Promise<KnownNetwork> {
  const { sections } = await parseNetwork(text, 'known')
  const known = SECTIONS.map(section => [
    section,
    sections[section].map(item => ({ id: `id-${item.name}`, item, madeBy })),
  ])
  return Object.fromEntries(known) as KnownNetwork
}

const wanted = (text: string) => parseNetwork(text, 'wanted')

const DB =
  "services: [{name: db, roleAttributes: [a, b]}]\npolicies: [{name: p, type: Dial, serviceRoles: ['@db']}]"

const shown = ({ steps, keptCount }: ReturnType<typeof planNetwork>) => [
  ...steps.map(step => `${step.do} ${step.section} ${step.name}`),
  keptCount,
]

test('planNetwork() does nothing for what differs in the order of sets alone', async () => {
  const known = await knownOf('default', DB)
  const other =
    "services: [{name: db, roleAttributes: [b, a, b]}]\npolicies: [{name: p, type: Dial, serviceRoles: ['@db']}]"
  assert.deepEqual(shown(planNetwork(await wanted(other), known, true)), [2])
})

test('planNetwork() reads a reference by id as one by name', async () => {
  const known = await knownOf('default', DB)
  const byId = DB.replace('@db', '@id-db')
  assert.deepEqual(shown(planNetwork(await wanted(byId), known, true)), [2])
})

test('planNetwork() names each member that changes, with what it was', async () => {
  const known = await knownOf(undefined, DB)
  const plan = planNetwork(
    await wanted('services: [{name: db, roleAttributes: [a], tags: {x: 1}}]'),
    known,
    true,
  )
  const { item, ...step } = plan.steps[0] as { item: NetworkItem }
  assert.deepEqual(step, {
    do: 'update',
    section: 'services',
    name: 'db',
    id: 'id-db',
    isOurs: false,
    fields: [
      { field: 'roleAttributes', before: ['a', 'b'], after: ['a'] },
      { field: 'tags', before: {}, after: { x: 1 } },
    ],
  })
  assert.deepEqual(item.roleAttributes, ['a'])
})

test('planNetwork() makes what is referred to first, and deletes in the other order', async () => {
  const all = `
configTypes: [{name: t}]
configs: [{name: c, type: t}]
signers: [{name: s, issuer: i, audience: a}]
authPolicies: [{name: ap}]
identities: [{name: i}]
services: [{name: sv}]
policies: [{name: p, type: Dial}]
edgeRouterPolicies: [{name: e}]
serviceEdgeRouterPolicies: [{name: se}]
`
  const order = SECTIONS as readonly Section[]
  const none = await knownOf(undefined, '')
  const made = planNetwork(await wanted(all), none, true)
  assert.deepEqual(
    made.steps.map(step => `${step.do} ${step.section}`),
    order.map(section => `create ${section}`),
  )
  const gone = planNetwork(await wanted(''), await knownOf('default', all), true)
  assert.deepEqual(
    gone.steps.map(step => `${step.do} ${step.section}`),
    order.toReversed().map(section => `delete ${section}`),
  )
})

test('planNetwork() prunes what this file made, and nothing else', async () => {
  const mine = await knownOf('default', 'services: [{name: mine}]')
  const others = await knownOf('prod', 'services: [{name: theirs}]')
  const byHand = await knownOf(undefined, 'services: [{name: hand}]')
  const known = { ...mine, services: [...mine.services, ...others.services, ...byHand.services] }
  assert.deepEqual(shown(planNetwork(await wanted(''), known, true)), ['delete services mine', 0])
  assert.deepEqual(shown(planNetwork(await wanted(''), known, false)), [0])
  assert.deepEqual(shown(planNetwork(await wanted('name: prod'), known, true)), ['delete services theirs', 0])
})

test('planNetwork() refuses what another file declares, and what cannot be changed', async () => {
  const theirs = await knownOf('prod', 'services: [{name: db}]')
  const mine = await wanted('services: [{name: db, tags: {a: 1}}]')
  assert.throws(() => planNetwork(mine, theirs, false), {
    code: 'conflict',
    message: /the file of network "prod" declares it too/,
  })
  const typed = await knownOf('default', 'configs: [{name: c, type: host.v1}]')
  const other = await wanted('configs: [{name: c, type: intercept.v1}]')
  assert.throws(() => planNetwork(other, typed, false), { code: 'conflict', message: /type cannot change/ })
})
