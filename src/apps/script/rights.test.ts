import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Name, parseName, parseUserName } from '../../core/model/names.ts'
import { grantsShape, ruleShape, type ScriptRule } from './messages.ts'
import { checkAsked, findAllowance } from './rights.ts'

const [owner, bob, eve] = [parseUserName('root'), parseUserName('bob'), parseUserName('eve')]
const [ops, sales] = [parseName('ops'), parseName('sales')]
const MOST = { memoryMb: 512, timeoutMs: 3_600_000 }

const rule = (text: object): ScriptRule => ruleShape.parse(text)
const asked = (text: object) => grantsShape.parse(text)
const noGroups = () => assert.fail('asked for groups')

test('the owner may have all, nobody else anything without a rule', () => {
  const own = findAllowance([], owner, { user: owner, groups: noGroups }, MOST)
  assert.ok(own?.isOwner)
  checkAsked(asked({ network: ['*:*'], read: ['/'], write: ['~/x'], run: ['sh'], dial: ['*'] }), own)
  assert.equal(findAllowance([], owner, { user: bob, groups: noGroups }, MOST), undefined)
  const rules = [rule({ users: [bob] })]
  assert.equal(findAllowance(rules, owner, { user: eve, groups: noGroups }, MOST), undefined)
})

test('others have what the rules that fit them give together, line by line', () => {
  const rules = [
    rule({ users: [bob], grants: { read: ['/srv/web'], network: ['*:*'] }, memoryMb: 64 }),
    rule({ groups: [ops], grants: { run: ['uptime'] }, memoryMb: 4_096, timeoutMs: 5_000 }),
    rule({ groups: [sales], grants: { write: ['/srv'] } }),
  ]
  const of = (groups: readonly Name[]) =>
    findAllowance(rules, owner, { user: bob, groups: () => groups }, MOST)
  const both = of([ops])
  assert.ok(both)
  assert.deepEqual([both.memoryMb, both.timeoutMs], [512, 600_000])
  checkAsked(asked({ read: ['/srv/web'], run: ['uptime'] }), both)
  for (const more of [
    { read: ['/srv/web/'] },
    { read: ['/srv/web/../../etc'] },
    { read: ['/srv/web', '/etc'] },
    { write: ['/srv/web'] },
    { write: ['/srv'] },
    { run: ['sh'] },
    { run: ['uptime', 'sh'] },
    { network: ['localhost:22'] },
    { network: ['10.0.0.1:80'] },
    { dial: ['tcp/db'] },
  ]) {
    assert.throws(() => checkAsked(asked(more), both), { code: 'denied' }, JSON.stringify(more))
  }
  const alone = of([])
  assert.ok(alone)
  assert.throws(() => checkAsked(asked({ run: ['uptime'] }), alone), { code: 'denied' })
})

test('a group that is empty or gone lets nobody run anything', () => {
  const rules = [rule({ groups: [ops] })]
  assert.equal(findAllowance(rules, owner, { user: bob, groups: () => [] }, MOST), undefined)
  assert.equal(findAllowance(rules, owner, { user: bob, groups: () => [sales] }, MOST), undefined)
})
