import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import type { EndpointId } from '../model/ids.ts'
import type { Name, ServiceName, UserName } from '../model/names.ts'
import { ms } from '../model/time.ts'
import { decide } from './decide.ts'
import type { Action, Resource, Rule, Subject } from './rule.ts'
import {
  type AccessList,
  accessRules,
  explain,
  FORBID_DIRECT,
  mayMeet,
  mayMeetDirectly,
  STANDING_RULES,
} from './standing-rules.ts'

const NOW = ms(0)
const WEB = 'tcp/web' as ServiceName
const [ALICE, BOB, EVE] = ['alice', 'bob', 'eve'] as [UserName, UserName, UserName]
const [LAPTOP, PHONE, SERVER] = ['laptop', 'phone', 'server'] as [EndpointId, EndpointId, EndpointId]

function subject(user: UserName, endpoint = LAPTOP, isAdmin = false): Subject {
  return { user, endpoint, labels: [], groups: [], isAdmin }
}

function service(owner: UserName, endpoint = SERVER, name = WEB): Resource {
  return { kind: 'service', service: name, owner, endpoint }
}

function home(owner: UserName) {
  return { kind: 'endpoint', endpoint: SERVER, owner, labels: ['home' as Name] } as const
}

const MESH: Resource = { kind: 'mesh' }

function may(
  who: Subject,
  action: Action,
  resource: Resource,
  rules: readonly Rule[] = STANDING_RULES,
): boolean {
  return decide(who, action, resource, rules, NOW).allow
}

test('STANDING_RULES let owners dial, manage and meet what is theirs, and nobody else', () => {
  const found = [ALICE, BOB].map(user => [
    may(subject(user), 'dial', service(ALICE)),
    may(subject(user), 'manage', home(ALICE)),
    may(subject(user), 'meet', home(ALICE)),
  ])
  assert.deepEqual(found, [
    [true, true, true],
    [false, false, false],
  ])
})

test('STANDING_RULES let any member host', () => {
  assert.equal(may(subject(EVE), 'bind', service(EVE)), true)
})

test('STANDING_RULES let administrators administer and meet, but neither dial nor manage what is not theirs', () => {
  const root = subject(BOB, LAPTOP, true)
  const may2 = (action: Action, resource: Resource) => may(root, action, resource)
  assert.deepEqual(
    [may2('administer', MESH), may2('administer', home(ALICE)), may2('meet', home(ALICE))],
    [true, true, true],
  )
  assert.deepEqual([may2('dial', service(ALICE)), may2('manage', home(ALICE))], [false, false])
  assert.equal(may(subject(BOB), 'administer', MESH), false)
})

test('STANDING_RULES give way to a deny', () => {
  const freeze: Rule = { id: 'freeze', effect: 'deny', actions: ['dial'], who: {}, what: {} }
  assert.equal(may(subject(ALICE), 'dial', service(ALICE), [...STANDING_RULES, freeze]), false)
})

test('accessRules() let the owner and the listed users dial from anywhere when no entrances are listed', () => {
  const rules = accessRules(WEB, SERVER, ALICE, { users: [BOB], entrances: [] })
  const found = [ALICE, BOB, EVE].map(user => may(subject(user), 'dial', service(ALICE), rules))
  assert.deepEqual(found, [true, true, false])
})

test('accessRules() let every member dial when users is *', () => {
  const rules = accessRules(WEB, SERVER, ALICE, { users: ['*'], entrances: [] })
  assert.equal(may(subject(EVE), 'dial', service(ALICE), rules), true)
})

test('accessRules() let only the owner dial when nothing is listed', () => {
  const rules = accessRules(WEB, SERVER, ALICE, { users: [], entrances: [] })
  assert.deepEqual(
    [ALICE, BOB].map(user => may(subject(user), 'dial', service(ALICE), rules)),
    [true, false],
  )
})

test('accessRules() let in nobody by a list of groups that is empty, or by groups that nobody is in', () => {
  const member: Subject = { ...subject(EVE), groups: ['ops' as Name] }
  const mayBy = (groups: Name[], who: Subject) =>
    may(who, 'dial', service(ALICE), accessRules(WEB, SERVER, ALICE, { users: [], groups, entrances: [] }))
  assert.deepEqual([mayBy([], member), mayBy(['sales' as Name], member)], [false, false])
  assert.deepEqual([mayBy(['ops' as Name], member), mayBy(['ops' as Name], subject(EVE))], [true, false])
})

test('accessRules() keep everybody to the listed entrances, the owner too, whatever else is allowed', () => {
  const everything: Rule = { id: 'all', effect: 'allow', actions: ['dial'], who: {}, what: {} }
  const rules = [
    ...STANDING_RULES,
    everything,
    ...accessRules(WEB, SERVER, ALICE, { users: [BOB], entrances: [LAPTOP] }),
  ]
  const from = (user: UserName, endpoint: EndpointId) =>
    decide(subject(user, endpoint), 'dial', service(ALICE), rules, NOW)
  assert.deepEqual([from(ALICE, LAPTOP).allow, from(BOB, LAPTOP).allow], [true, true])
  assert.deepEqual([from(ALICE, PHONE).allow, from(BOB, PHONE).allow], [false, false])
  assert.equal(explain(from(ALICE, PHONE)), 'denied by policy "entrances of tcp/web at server"')
})

test('accessRules() say nothing of other services, endpoints, owners and actions', () => {
  const rules = accessRules(WEB, SERVER, ALICE, { users: ['*'], entrances: [LAPTOP] })
  const others: [Action, Resource][] = [
    ['dial', service(ALICE, PHONE)],
    ['dial', service(ALICE, SERVER, 'udp/web' as ServiceName)],
    ['dial', service(BOB)],
    ['bind', service(ALICE)],
    ['meet', home(ALICE)],
  ]
  for (const [action, resource] of others) {
    for (const endpoint of [LAPTOP, PHONE]) {
      const decision = decide(subject(BOB, endpoint), action, resource, rules, NOW)
      assert.deepEqual(decision, { allow: false, rule: undefined })
    }
  }
})

test('accessRules() allow exactly what the access list says, for any list', () => {
  const user = fc.constantFrom(ALICE, BOB, EVE)
  const endpoint = fc.constantFrom(LAPTOP, PHONE, SERVER)
  const group = fc.constantFrom('ops' as Name, 'sales' as Name)
  const access: fc.Arbitrary<AccessList> = fc.record({
    users: fc.array(fc.oneof(user, fc.constant('*' as const)), { maxLength: 3 }),
    groups: fc.option(fc.array(group, { maxLength: 2 }), { nil: undefined }),
    entrances: fc.array(endpoint, { maxLength: 3 }),
  })
  fc.assert(
    fc.property(access, user, endpoint, fc.array(group, { maxLength: 2 }), (list, who, from, groups) => {
      const isMember = groups.some(one => list.groups?.includes(one))
      const isUser = who === ALICE || list.users.includes(who) || list.users.includes('*') || isMember
      const isEntrance = list.entrances.length === 0 || list.entrances.includes(from)
      const rules = accessRules(WEB, SERVER, ALICE, list)
      assert.equal(
        may({ ...subject(who, from), groups }, 'dial', service(ALICE), rules),
        isUser && isEntrance,
      )
      const withStanding = [...STANDING_RULES, ...rules]
      assert.equal(
        may({ ...subject(who, from), groups }, 'dial', service(ALICE), withStanding),
        isUser && isEntrance,
      )
    }),
  )
})

const HOSTED = [
  { service: 'tcp/db' as ServiceName, owner: ALICE },
  { service: WEB, owner: ALICE },
]
const WEB_FOR_BOB = accessRules(WEB, SERVER, ALICE, { users: [BOB], entrances: [] })

test('mayMeet() allows who may dial one of the services hosted there, and nobody else', () => {
  const rules = [...STANDING_RULES, ...WEB_FOR_BOB]
  const found = [BOB, EVE].map(user => mayMeet(subject(user), home(ALICE), HOSTED, rules, NOW))
  assert.deepEqual(found, [
    { allow: true, rule: WEB_FOR_BOB[0] },
    { allow: false, rule: undefined },
  ])
  assert.equal(mayMeet(subject(BOB), home(ALICE), [], rules, NOW).allow, false, 'web is not hosted there now')
})

test('mayMeet() allows the owner, administrators, and who may manage the endpoint', () => {
  const ops: Rule = {
    id: 'ops',
    effect: 'allow',
    actions: ['manage'],
    who: { users: [BOB] },
    what: { labels: ['home' as Name] },
  }
  const meets = (who: Subject, rules = STANDING_RULES) => mayMeet(who, home(ALICE), [], rules, NOW).allow
  assert.deepEqual(
    [meets(subject(ALICE)), meets(subject(EVE, PHONE, true)), meets(subject(EVE))],
    [true, true, false],
  )
  assert.deepEqual([meets(subject(BOB)), meets(subject(BOB), [ops])], [false, true])
})

test('mayMeet() keeps away whom a rule denies to meet, whatever else is allowed', () => {
  const deny: Rule = { id: 'quarantine', effect: 'deny', actions: ['meet'], who: { users: [BOB] }, what: {} }
  const decision = mayMeet(subject(BOB), home(BOB), HOSTED, [...STANDING_RULES, ...WEB_FOR_BOB, deny], NOW)
  assert.equal(explain(decision), 'denied by policy "quarantine"')
})

test('mayMeet() names the rule that denied a dial when there is no other business', () => {
  const deny: Rule = {
    id: 'contractors-readonly',
    effect: 'deny',
    actions: ['dial'],
    who: { users: [BOB] },
    what: {},
  }
  const decision = mayMeet(subject(BOB), home(ALICE), HOSTED, [...STANDING_RULES, ...WEB_FOR_BOB, deny], NOW)
  assert.deepEqual(decision, { allow: false, rule: deny })
})

function meetDirectly(who: Subject, rules: readonly Rule[]) {
  return mayMeetDirectly(mayMeet(who, home(ALICE), HOSTED, rules, NOW), who, home(ALICE), rules, NOW)
}

test('mayMeetDirectly() allows exactly those who may meet, where no rule says otherwise', () => {
  const rules = [...STANDING_RULES, ...WEB_FOR_BOB]
  const who = [subject(ALICE), subject(BOB), subject(EVE), subject(EVE, PHONE, true)]
  assert.deepEqual(
    who.map(one => meetDirectly(one, rules).allow),
    [true, true, false, true],
  )
  assert.deepEqual(meetDirectly(subject(EVE), rules), { allow: false, rule: undefined })
})

test('mayMeetDirectly() gives way to a deny, which leaves the relay', () => {
  const rules = [...STANDING_RULES, ...WEB_FOR_BOB, FORBID_DIRECT]
  for (const who of [subject(ALICE), subject(BOB), subject(EVE, PHONE, true)]) {
    assert.equal(explain(meetDirectly(who, rules)), 'denied by policy "no direct paths in this mesh"')
    assert.equal(mayMeet(who, home(ALICE), HOSTED, rules, NOW).allow, true)
  }
  const bobAlone: Rule = { ...FORBID_DIRECT, id: 'bob by the hub', who: { users: [BOB] } }
  const found = [ALICE, BOB].map(user =>
    meetDirectly(subject(user), [...STANDING_RULES, ...WEB_FOR_BOB, bobAlone]),
  )
  assert.deepEqual(
    found.map(({ allow }) => allow),
    [true, false],
  )
})

test('mayMeetDirectly() opens nothing by itself: who may not meet may not meet directly', () => {
  const all: Rule = { id: 'all', effect: 'allow', actions: ['meet-directly'], who: {}, what: {} }
  assert.equal(meetDirectly(subject(EVE), [...STANDING_RULES, all]).allow, false)
})

test('explain() names the rule, or says that there is none', () => {
  const rule: Rule = { id: 'contractors-readonly', effect: 'deny', actions: [], who: {}, what: {} }
  assert.deepEqual(
    [
      explain({ allow: false, rule }),
      explain({ allow: false, rule: undefined }),
      explain({ allow: true, rule }),
      explain({ allow: false, rule: { ...rule, id: 'a"\u001b[2J' } }),
    ],
    [
      'denied by policy "contractors-readonly"',
      'no policy allows it',
      'allowed by policy "contractors-readonly"',
      'denied by policy "a\\"\\u001b[2J"',
    ],
  )
})
