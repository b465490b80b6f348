import assert from 'node:assert/strict'
import test from 'node:test'
import type { EndpointId } from '../model/ids.ts'
import type { Name, ServiceName, UserName } from '../model/names.ts'
import { type Ms, ms } from '../model/time.ts'
import { decide } from './decide.ts'
import type { Action, Decision, Resource, Rule, Subject, What, Who } from './rule.ts'

const BOB: Subject = {
  user: 'bob' as UserName,
  endpoint: 'e1' as EndpointId,
  labels: ['laptop' as Name],
  groups: ['staff' as Name],
  isAdmin: false,
}
const WEB: Resource = {
  kind: 'service',
  service: 'tcp/web' as ServiceName,
  owner: 'alice' as UserName,
  endpoint: 'e9' as EndpointId,
}
const HOME: Resource = {
  kind: 'endpoint',
  endpoint: 'e9' as EndpointId,
  owner: 'alice' as UserName,
  labels: ['server' as Name],
}
const MESH: Resource = { kind: 'mesh' }
const EACH: readonly Resource[] = [WEB, HOME, MESH]

/** A rule for everybody and everything, but for what is given. */
function rule(parts: Partial<Rule> = {}): Rule {
  const actions: Action[] = ['dial', 'bind', 'meet', 'manage', 'administer']
  return { id: 'rule', effect: 'allow', actions, who: {}, what: {}, ...parts }
}

function ask(rules: Rule[], resource: Resource = WEB, now = 0): Decision {
  return decide(BOB, 'dial', resource, rules, ms(now))
}

test('decide() says no when there is no rule, and when none fits', () => {
  const no = { allow: false, rule: undefined }
  assert.deepEqual(ask([]), no)
  assert.deepEqual(ask([rule({ actions: ['bind'] }), rule({ who: { users: ['eve' as UserName] } })]), no)
})

test('decide() lets deny win, wherever it stands, and names the rule', () => {
  const [allow, deny] = [rule({ id: 'a' }), rule({ id: 'd', effect: 'deny' })]
  assert.deepEqual(ask([allow]), { allow: true, rule: allow })
  assert.deepEqual(ask([allow, deny]), { allow: false, rule: deny })
  assert.deepEqual(ask([deny, allow]), { allow: false, rule: deny })
})

test('decide() names the first of several rules that agree', () => {
  const [first, second] = [rule({ id: '1' }), rule({ id: '2' })]
  assert.equal(ask([first, second]).rule, first)
})

test('decide() lets a rule speak from its first moment to before its last', () => {
  const rules = [rule({ fromMs: ms(100), untilMs: ms(200) })]
  assert.deepEqual(
    [99, 100, 199, 200].map(now => ask(rules, WEB, now).allow),
    [false, true, true, false],
  )
  assert.equal(ask([rule({ fromMs: ms(200), untilMs: ms(100) })], WEB, 150).allow, false)
})

test('decide() lets a subject fit only what it is', () => {
  const fits: [Who, boolean][] = [
    [{}, true],
    [{ users: ['eve' as UserName, 'bob' as UserName] }, true],
    [{ users: ['*'] }, true],
    [{ users: ['eve' as UserName] }, false],
    [{ endpoints: ['e1' as EndpointId] }, true],
    [{ endpoints: ['e9' as EndpointId] }, false],
    [{ exceptEndpoints: ['e9' as EndpointId] }, true],
    [{ exceptEndpoints: ['e1' as EndpointId] }, false],
    [{ labels: ['x' as Name, 'laptop' as Name] }, true],
    [{ labels: ['server' as Name] }, false],
    [{ groups: ['staff' as Name] }, true],
    [{ groups: ['laptop' as Name] }, false],
    [{ isOwner: true }, false],
    [{ isAdmin: true }, false],
    [{ users: ['bob' as UserName], groups: ['ops' as Name] }, false],
  ]
  for (const [who, isFitting] of fits)
    assert.equal(ask([rule({ who })]).allow, isFitting, JSON.stringify(who))
})

test('decide() lets a resource fit only what it is', () => {
  const fits: [What, boolean, boolean, boolean][] = [
    // What a rule speaks of: does the service, the endpoint, the mesh fit?
    [{}, true, true, true],
    [{ kind: 'service' }, true, false, false],
    [{ kind: 'mesh' }, false, false, true],
    [{ services: ['tcp/web' as ServiceName] }, true, false, false],
    [{ services: ['*'] }, true, false, false],
    [{ services: ['udp/web' as ServiceName] }, false, false, false],
    [{ endpoints: ['e9' as EndpointId] }, true, true, false],
    [{ endpoints: ['e1' as EndpointId] }, false, false, false],
    [{ owners: ['alice' as UserName] }, true, true, false],
    [{ owners: ['bob' as UserName] }, false, false, false],
    [{ labels: ['server' as Name] }, false, true, false],
    [{ labels: ['laptop' as Name] }, false, false, false],
  ]
  for (const [what, ...expected] of fits) {
    const found: boolean[] = EACH.map(resource => ask([rule({ what })], resource).allow)
    assert.deepEqual(found, expected, JSON.stringify(what))
  }
})

test('decide() lets no rule that names endpoints fit a service without one', () => {
  const any: Resource = { kind: 'service', service: 'tcp/web' as ServiceName, owner: 'alice' as UserName }
  assert.equal(ask([rule({ what: { endpoints: ['e9' as EndpointId] } })], any).allow, false)
  assert.equal(ask([rule({ what: { services: ['tcp/web' as ServiceName] } })], any).allow, true)
})

test('decide() knows the owner of a service and of an endpoint; nobody owns the mesh', () => {
  const own = rule({ who: { isOwner: true } })
  const owner = { ...BOB, user: 'alice' as UserName }
  const found: boolean[] = EACH.map(resource => decide(owner, 'dial', resource, [own], ms(0)).allow)
  assert.deepEqual(found, [true, true, false])
})

test('decide() lets an empty list fit nothing', () => {
  for (const member of ['users', 'endpoints', 'labels', 'groups'] as const) {
    assert.equal(ask([rule({ who: { [member]: [] } })]).allow, false, `who.${member}`)
  }
  for (const member of ['services', 'endpoints', 'owners', 'labels'] as const) {
    for (const resource of EACH) {
      assert.equal(ask([rule({ what: { [member]: [] } })], resource).allow, false, `what.${member}`)
    }
  }
  assert.equal(ask([rule({ actions: [] })]).allow, false)
})

// A reference that shares nothing with decide() but the types: it writes down every sentence of the documentation
// as a claim that holds or does not, asks all of them of all rules, and only then looks at the effects.

function intersects(some: readonly string[], others: readonly string[]): boolean {
  const set = new Set(others)
  return some.filter(one => set.has(one)).length > 0
}

function claims(rule: Rule, subject: Subject, action: Action, resource: Resource, now: Ms): boolean[] {
  const { who, what } = rule
  const ownerOf = resource.kind === 'mesh' ? [] : [resource.owner as string]
  const endpointOf = resource.kind === 'mesh' ? [] : [resource.endpoint ?? []].flat()
  const serviceOf = resource.kind === 'service' ? [resource.service, '*'] : []
  const labelsOf = resource.kind === 'endpoint' ? resource.labels : []
  const optional = (list: readonly string[] | undefined, mine: readonly string[]) =>
    list === undefined ? true : intersects(list, mine)
  return [
    intersects(rule.actions, [action]),
    (rule.fromMs ?? Number.NEGATIVE_INFINITY) <= now,
    (rule.untilMs ?? Number.POSITIVE_INFINITY) > now,
    optional(who.users, [subject.user, '*']),
    optional(who.endpoints, [subject.endpoint]),
    !intersects(who.exceptEndpoints ?? [], [subject.endpoint]),
    optional(who.labels, subject.labels),
    optional(who.groups, subject.groups),
    who.isOwner ? intersects([subject.user], ownerOf) : true,
    who.isAdmin ? subject.isAdmin : true,
    optional(what.kind && [what.kind], [resource.kind]),
    optional(what.services, serviceOf),
    optional(what.endpoints, endpointOf),
    optional(what.owners, ownerOf),
    optional(what.labels, labelsOf),
  ]
}

function decideSlowly(
  subject: Subject,
  action: Action,
  resource: Resource,
  rules: Rule[],
  now: Ms,
): Decision {
  const fitting = rules.filter(rule => claims(rule, subject, action, resource, now).every(holds => holds))
  const denies = fitting.filter(({ effect }) => effect === 'deny')
  const allows = fitting.filter(({ effect }) => effect === 'allow')
  if (denies.length > 0) return { allow: false, rule: denies[0] }
  const [rule] = allows
  return rule === undefined ? { allow: false, rule } : { allow: true, rule }
}

function describe({ allow, rule }: Decision): string {
  return `${allow ? 'allowed' : 'denied'} by rule ${rule?.id ?? 'none'}`
}

/** Chance that can be had again by its seed (mulberry32), and what is drawn with it. */
function createChance(seed: number) {
  let state = seed >>> 0
  function random(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  // Short lists from short pools, so that fitting and not fitting are both common; some are empty.
  const some = <T>(list: readonly T[]): T[] => list.filter(() => random() < 0.4)
  const maybe = <K extends string, T>(key: K, value: () => T, likelihood = 0.25) =>
    (random() < likelihood ? { [key]: value() } : {}) as { [key in K]?: T }
  return { below, one, some, maybe, isTrue: () => random() < 0.5 }
}

const USERS = ['ann', 'bob', 'cid'] as UserName[]
const ENDPOINTS = ['e1', 'e2', 'e3'] as EndpointId[]
const NAMES = ['red', 'blue', 'green'] as Name[]
const SERVICES = ['tcp/web', 'udp/dns', 'tcp/db'] as ServiceName[]
const ACTIONS: Action[] = ['dial', 'bind', 'meet', 'manage', 'administer']

function drawRule({ below, one, some, maybe, isTrue }: ReturnType<typeof createChance>, id: string): Rule {
  return {
    id,
    effect: below(3) === 0 ? 'deny' : 'allow',
    actions: isTrue() ? ACTIONS : some(ACTIONS),
    who: {
      ...maybe('users', () => some([...USERS, '*'] as const)),
      ...maybe('endpoints', () => some(ENDPOINTS)),
      ...maybe('exceptEndpoints', () => some(ENDPOINTS)),
      ...maybe('labels', () => some(NAMES)),
      ...maybe('groups', () => some(NAMES)),
      ...maybe('isOwner', () => true as const, 0.1),
      ...maybe('isAdmin', () => true as const, 0.1),
    },
    what: {
      ...maybe('kind', () => one(['service', 'endpoint', 'mesh'] as const)),
      ...maybe('services', () => some([...SERVICES, '*'] as const)),
      ...maybe('endpoints', () => some(ENDPOINTS)),
      ...maybe('owners', () => some(USERS)),
      ...maybe('labels', () => some(NAMES)),
    },
    ...maybe('fromMs', () => ms(below(10))),
    ...maybe('untilMs', () => ms(below(10))),
  }
}

function drawResource({ one, some, maybe }: ReturnType<typeof createChance>): Resource {
  const kind = one(['service', 'service', 'endpoint', 'mesh'] as const)
  const owner = one(USERS)
  const endpoint = one(ENDPOINTS)
  if (kind === 'mesh') return { kind }
  if (kind === 'endpoint') return { kind, endpoint, owner, labels: some(NAMES) }
  return { kind, service: one(SERVICES), owner, ...maybe('endpoint', () => endpoint, 0.8) }
}

test('decide() agrees with a slow reference on 100,000 random policies', t => {
  const seed = Number(process.env.ZTM_SEED ?? Math.floor(Math.random() * 2 ** 32))
  t.diagnostic(`seed ${seed} (run again with ZTM_SEED=${seed})`)
  const chance = createChance(seed)
  const answers = { allowed: 0, denied: 0, silent: 0 }
  // Of the processor, not of the clock: other tests run beside this one.
  const before = process.cpuUsage()
  for (let policy = 0; policy < 100_000; policy++) {
    const rules = Array.from({ length: chance.below(9) }, (_, i) => drawRule(chance, `${i}`))
    for (let question = 0; question < 2; question++) {
      const subject: Subject = {
        user: chance.one(USERS),
        endpoint: chance.one(ENDPOINTS),
        labels: chance.some(NAMES),
        groups: chance.some(NAMES),
        isAdmin: chance.isTrue(),
      }
      const [action, resource, now] = [chance.one(ACTIONS), drawResource(chance), ms(chance.below(11))]
      const wanted = decideSlowly(subject, action, resource, rules, now)
      const found = decide(subject, action, resource, rules, now)
      if (found.allow !== wanted.allow || found.rule !== wanted.rule) {
        const shown = JSON.stringify({ subject, action, resource, now, rules }, null, 1)
        assert.fail(
          `seed ${seed}, policy ${policy}: ${describe(found)} instead of ${describe(wanted)}: ${shown}`,
        )
      }
      answers[found.allow ? 'allowed' : found.rule ? 'denied' : 'silent'] += 1
    }
  }
  t.diagnostic(`100,000 policies, 0 differences, ${JSON.stringify(answers)}`)
  for (const [answer, count] of Object.entries(answers)) {
    assert.ok(count > 10_000, `seed ${seed}: too few answers are ${answer} to say much`)
  }
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 20_000_000, `${user + system} µs`)
})
