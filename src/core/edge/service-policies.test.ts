import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom, type SeededRandom, withSeed } from '../../testing/seeded-random.ts'
import type { RoleSubject } from './role-match.ts'
import {
  createPolicyEngine,
  type PermittedPair,
  type PolicyChange,
  type PolicyEngine,
  type PolicyType,
  type ServicePolicy,
} from './service-policies.ts'

const RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 100_000)

function createChance(random: SeededRandom) {
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const some = <T>(list: readonly T[], likelihood = 0.4): T[] => list.filter(() => random() < likelihood)
  return { below, one, some }
}
type Chance = ReturnType<typeof createChance>

const IDENTITIES = ['i1', 'i2', 'i3']
const SERVICES = ['s1', 's2', 's3']
const ATTRIBUTES = ['a', 'b', 'c']
const POLICIES = ['p1', 'p2', 'p3', 'p4', 'p5']
const TYPES: readonly PolicyType[] = ['Dial', 'Bind']

function drawSubject(chance: Chance, id: string): RoleSubject {
  // An alias that others have too: @x may name several.
  return { id, ids: chance.below(4) === 0 ? [id, 'x'] : [id], attributes: chance.some(ATTRIBUTES) }
}

function drawRoles(chance: Chance, ids: readonly string[]): string[] {
  const named = chance.some([...ids, 'x'], 0.15).map(id => `@${id}`)
  const attributes = chance.some([...ATTRIBUTES, 'd'], 0.3).map(attribute => `#${attribute}`)
  return [...(chance.below(8) === 0 ? ['#all'] : []), ...attributes, ...named]
}

function drawPolicy(chance: Chance, id: string): ServicePolicy {
  return {
    id,
    name: chance.one(['m', 'n']),
    type: chance.one(TYPES),
    semantic: chance.one(['AnyOf', 'AllOf']),
    identityRoles: drawRoles(chance, IDENTITIES),
    serviceRoles: drawRoles(chance, SERVICES),
  }
}

/** What there is, and what follows from it when each is asked of each: no indexes, nothing kept. */
function createSlowWorld() {
  const subjects = { identity: new Map<string, RoleSubject>(), service: new Map<string, RoleSubject>() }
  const policies = new Map<string, ServicePolicy>()

  function isSelected(roles: readonly string[], semantic: string, { id, ids, attributes }: RoleSubject) {
    const hashed = roles.filter(role => role[0] === '#')
    if (hashed.some(role => role === '#all')) return true
    if (roles.some(role => [id, ...ids].some(each => role === `@${each}`))) return true
    const held = hashed.filter(role => attributes.some(attribute => role === `#${attribute}`))
    return semantic === 'AnyOf' ? held.length > 0 : hashed.length > 0 && held.length === hashed.length
  }

  return {
    apply(change: PolicyChange): void {
      if ('remove' in change) {
        if (change.remove === 'policy') policies.delete(change.id)
        else subjects[change.remove].delete(change.id)
      } else if (change.put === 'policy') policies.set(change.policy.id, change.policy)
      else if (change.put === 'identity') subjects.identity.set(change.identity.id, change.identity)
      else subjects.service.set(change.service.id, change.service)
    },
    /** The ids of the policies that decide, of Dial and Bind. */
    decide(identityId: string, serviceId: string): (string | undefined)[] {
      const [identity, service] = [subjects.identity.get(identityId), subjects.service.get(serviceId)]
      return TYPES.map(type => {
        if (identity === undefined || service === undefined) return undefined
        const fitting = [...policies.values()].filter(
          policy =>
            policy.type === type &&
            isSelected(policy.identityRoles, policy.semantic, identity) &&
            isSelected(policy.serviceRoles, policy.semantic, service),
        )
        return fitting.map(({ name, id }) => `${name} ${id}`).sort()[0]
      })
    },
  }
}

const PAIRS: readonly PermittedPair[] = IDENTITIES.flatMap(identityId =>
  SERVICES.flatMap(serviceId => TYPES.map(type => ({ identityId, serviceId, type }))),
)

function drawChange(chance: Chance): PolicyChange {
  const kind = chance.one(['identity', 'service', 'policy', 'policy'] as const)
  const id = chance.one({ identity: IDENTITIES, service: SERVICES, policy: POLICIES }[kind])
  if (chance.below(4) === 0) return { remove: kind, id }
  if (kind === 'policy') return { put: kind, policy: drawPolicy(chance, id) }
  return kind === 'identity'
    ? { put: kind, identity: drawSubject(chance, id) }
    : { put: kind, service: drawSubject(chance, id) }
}

function fill(chance: Chance, worlds: readonly { apply(change: PolicyChange): void }[], count = 3): void {
  const changes: PolicyChange[] = [
    ...POLICIES.slice(0, chance.below(6)).map(
      id => ({ put: 'policy', policy: drawPolicy(chance, id) }) as const,
    ),
    ...IDENTITIES.slice(0, count).map(
      id => ({ put: 'identity', identity: drawSubject(chance, id) }) as const,
    ),
    ...SERVICES.slice(0, count).map(id => ({ put: 'service', service: drawSubject(chance, id) }) as const),
  ]
  if (chance.below(2) === 0) changes.reverse()
  for (const change of changes) for (const world of worlds) world.apply(change)
}

const deciders = (engine: PolicyEngine, identityId: string, serviceId: string) => {
  const { dial, bind } = engine.permissions(identityId, serviceId)
  return [dial, bind].map(policy => policy && `${policy.name} ${policy.id}`)
}

test('permissions() agree with a slow reference on 100,000 random sets of policies', async t => {
  await withSeed(random => {
    const chance = createChance(random)
    const answers = { dial: 0, bind: 0, neither: 0 }
    for (let run = 0; run < RUNS; run++) {
      const [engine, slow] = [createPolicyEngine(), createSlowWorld()]
      // One of each, as one pair is asked: what matters is that many sets are.
      fill(chance, [engine, slow], 1)
      const [identityId, serviceId] = ['i1', 's1']
      const [dial, bind] = deciders(engine, identityId, serviceId)
      const [wantedDial, wantedBind] = slow.decide(identityId, serviceId)
      if (dial !== wantedDial || bind !== wantedBind)
        assert.fail(
          `run ${run}: ${identityId} ${serviceId}: ${dial}, ${bind}, not ${wantedDial}, ${wantedBind}`,
        )
      if (dial !== undefined) answers.dial += 1
      if (bind !== undefined) answers.bind += 1
      if (dial === undefined && bind === undefined) answers.neither += 1
    }
    t.diagnostic(`${RUNS} sets of policies, 0 differences, ${JSON.stringify(answers)}`)
    for (const count of Object.values(answers)) assert.ok(count > RUNS / 10, JSON.stringify(answers))
  })
})

/** Ask everything that there is to ask. */
function compareAll(engine: PolicyEngine, slow: ReturnType<typeof createSlowWorld>, shown: string): void {
  for (const identityId of IDENTITIES) {
    const listed = engine.servicesOf(identityId)
    for (const serviceId of SERVICES) {
      const wanted = slow.decide(identityId, serviceId)
      assert.deepEqual(deciders(engine, identityId, serviceId), wanted, shown)
      const { dial, bind } = listed.get(serviceId) ?? {}
      const found = [dial, bind].map(policy => policy && `${policy.name} ${policy.id}`)
      assert.deepEqual(found, wanted, `${shown}: listed`)
      const isEither = wanted.some(policy => policy !== undefined)
      assert.equal(listed.has(serviceId), isEither, `${shown}: nothing is listed without a permission`)
      assert.equal(engine.identitiesOf(serviceId).has(identityId), isEither, `${shown}: of the service`)
    }
  }
}

test('an engine that lived through changes answers like one that starts with what there is now', async () => {
  await withSeed(random => {
    const chance = createChance(random)
    for (let life = 0; life < RUNS / 1_000; life++) {
      const [engine, slow] = [createPolicyEngine(), createSlowWorld()]
      fill(chance, [engine, slow])
      for (let step = 0; step < 40; step++) {
        // What is asked between changes is kept, and must be forgotten at the right moment.
        if (chance.below(3) > 0) compareAll(engine, slow, `life ${life}, step ${step}`)
        const isPermitted = ({ identityId, serviceId, type }: PermittedPair) =>
          slow.decide(identityId, serviceId)[TYPES.indexOf(type)] !== undefined
        const change = drawChange(chance)
        const before = PAIRS.filter(isPermitted)
        const fingerprints = IDENTITIES.map(engine.fingerprint)
        const shown = IDENTITIES.map(id => describeServices(slow, id))
        slow.apply(change)
        const lost = engine.changedBy(change, PAIRS)
        assert.deepEqual(
          lost,
          before.filter(pair => !isPermitted(pair)),
          `life ${life}, step ${step}: lost by ${JSON.stringify(change)}`,
        )
        for (const [index, id] of IDENTITIES.entries())
          assert.equal(
            engine.fingerprint(id) === fingerprints[index],
            describeServices(slow, id) === shown[index],
            `life ${life}, step ${step}: fingerprint of ${id}`,
          )
      }
      compareAll(engine, slow, `life ${life}, end`)
    }
  })
})

function describeServices(slow: ReturnType<typeof createSlowWorld>, identityId: string): string {
  return SERVICES.map(id =>
    slow
      .decide(identityId, id)
      .map(policy => policy !== undefined)
      .join(),
  ).join(' ')
}

test('policiesOf() lists what selects one, by name', () => {
  const engine = createPolicyEngine()
  const chance = createChance(createSeededRandom(1))
  const base = { ...drawPolicy(chance, ''), identityRoles: ['#a'], serviceRoles: ['@s1'] }
  for (const [id, name] of [
    ['p3', 'b'],
    ['p2', 'a'],
    ['p1', 'b'],
  ] as const)
    engine.apply({ put: 'policy', policy: { ...base, id, name } })
  engine.apply({ put: 'identity', identity: { id: 'i1', ids: [], attributes: ['a'] } })
  engine.apply({ put: 'service', service: { id: 's1', ids: [], attributes: [] } })
  const list = (side: 'identity' | 'service', id: string) =>
    engine.policiesOf(side, id).map(policy => policy.id)
  assert.deepEqual(list('identity', 'i1'), ['p2', 'p1', 'p3'])
  assert.deepEqual(list('service', 's1'), ['p2', 'p1', 'p3'])
  assert.deepEqual(list('service', 's2'), [])
})

test('an engine of 10,000 identities, 1,000 services and 200 policies decides without going through them', t => {
  const chance = createChance(createSeededRandom(7))
  const groups = Array.from({ length: 100 }, (_, index) => `g${index}`)
  const engine = createPolicyEngine()
  for (let index = 0; index < 10_000; index++) {
    const id = `i${index}`
    const attributes = [chance.one(groups), chance.one(groups)]
    engine.apply({ put: 'identity', identity: { id, ids: [id], attributes } })
  }
  for (let index = 0; index < 1_000; index++) {
    const id = `s${index}`
    engine.apply({ put: 'service', service: { id, ids: [id], attributes: [chance.one(groups)] } })
  }
  for (let index = 0; index < 200; index++) {
    const roles = () => ['#all', `#${chance.one(groups)}`].slice(index === 0 ? 0 : 1)
    const policy = { ...drawPolicy(chance, `p${index}`), identityRoles: roles(), serviceRoles: roles() }
    engine.apply({ put: 'policy', policy })
  }
  const questions = 200_000
  const before = process.cpuUsage()
  let permitted = 0
  for (let question = 0; question < questions; question++) {
    const { dial, bind } = engine.permissions(`i${chance.below(10_000)}`, `s${chance.below(1_000)}`)
    if (dial !== undefined || bind !== undefined) permitted += 1
  }
  const { user, system } = process.cpuUsage(before)
  t.diagnostic(`${permitted} of ${questions} permitted, ${((user + system) / questions).toFixed(2)} µs each`)
  assert.equal(permitted, questions, 'policy p0 is for all')
  // Of the processor, not of the clock, and a hundred times what it takes: each of each would take longer.
  assert.ok(user + system < 20_000_000, `${user + system} µs`)
})
