import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Name, parseUserName, type UserName } from '../../core/model/names.ts'
import { createManualTimers } from '../../testing/manual-timers.ts'
import { compileExitRules } from './exit-rules.ts'
import type { ExitRule, ExitSetting } from './messages.ts'
import { watchOwnNetworks } from './own-networks.ts'

const user = fc.constantFrom('ann' as UserName, 'bob' as UserName)
const group = fc.constantFrom('ops' as Name, 'sales' as Name)
const rule: fc.Arbitrary<ExitRule> = fc
  .record({
    users: fc.uniqueArray(user),
    groups: fc.option(fc.uniqueArray(group), { nil: undefined }),
    action: fc.constantFrom('allow' as const, 'deny' as const),
    targets: fc.constantFrom('*', '93.184.216.34', '10.0.0.0/8').map(one => [one]),
    ports: fc.constantFrom('*', '443'),
  })
  .map(({ groups, ...rest }) => ({ ...rest, ...(groups && { groups }) }))

const PASSAGE = { host: '93.184.216.34', ip: '93.184.216.34' }

test('the first rule of an exit that fits decides; one for groups fits who is in one of them, and nobody else', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 5 }), user, fc.uniqueArray(group), (rules, who, groups) => {
      const port = 443
      const fitting = rules.find(each => {
        if (each.targets.includes('10.0.0.0/8')) return false
        if (each.users.length === 0 && each.groups === undefined) return true
        return each.users.includes(who) || (each.groups ?? []).some(one => groups.includes(one))
      })
      const found = compileExitRules({ opens: [], rules }).refusal({
        user: who,
        groups: () => groups,
        ...PASSAGE,
        port,
      })
      assert.equal(found !== undefined, fitting?.action === 'deny')
    }),
  )
})

test('an exit whose rules have no groups does not look at those of a stream', () => {
  const groups = () => assert.fail('it looked')
  const base = { targets: ['*'], ports: '*', action: 'deny' } as const
  const ask = (rules: ExitRule[], port: number) =>
    compileExitRules({ opens: [], rules }).refusal({ user: 'bob' as UserName, groups, ...PASSAGE, port })
  assert.match(ask([{ ...base, targets: ['*'], users: ['bob' as UserName] }], 80) ?? '', /rule 0/)
  // Nor where the rule with groups is for something else, or for nobody.
  const others: ExitRule[] = [
    { ...base, targets: ['*'], users: [], groups: ['ops' as Name], ports: '25' },
    { ...base, targets: ['*'], users: [], groups: [] },
  ]
  assert.equal(ask(others, 80), undefined)
})

const EXIT = '11111111-1111-4111-8111-111111111111'

function refusals(setting: Partial<ExitSetting>, isOwn?: (addresses: readonly string[]) => boolean) {
  const rules = compileExitRules({ opens: [], rules: [], ...setting }, isOwn)
  const user = parseUserName('bob')
  return (ip: string, host = ip) => rules.refusal({ user, groups: () => [], host, ip, port: 80 })
}

test('an address of the exit is closed in every spelling, and opened by its own name', () => {
  const closed = refusals({})
  const open = refusals({ opens: ['10.0.0.0/8'] })
  for (const ip of [
    '10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '::a00:1',
    '::ffff:0:a00:1',
    'fe80::5efe:a00:1',
  ]) {
    assert.match(closed(ip) ?? '', /and not open/, ip)
    assert.equal(open(ip), undefined, ip)
  }
  for (const ip of ['64:ff9b:1::a00:1', 'fec0::1', 'fd00::1', 'fe80::1%eth0', 'nonsense', '169.254.169.254'])
    assert.match(open(ip) ?? '', /and not open/, ip)
  assert.equal(closed('64:ff9b::909:909'), undefined)
})

test('a rule for an IPv4 range holds for what a translator leads there', () => {
  const deny = refusals({ rules: [{ targets: ['9.9.0.0/16'], ports: '*', users: [], action: 'deny' }] })
  for (const ip of ['9.9.9.9', '64:ff9b::909:909', '2002:909:909::1'])
    assert.match(deny(ip) ?? '', /rule 0/, ip)
  assert.equal(deny('9.8.9.9'), undefined)
})

test('public addresses of the exit, of its networks, and of the router before it are closed until opened', async () => {
  const timers = createManualTimers()
  let networks = ['203.0.113.7/24', '2001:db8:1::7/64', '127.0.0.1/8', 'fe80::1/64', '100.1.2.3/8']
  let address = '198.51.100.9:40000'
  const own = watchOwnNetworks({
    endpoint: { id: EXIT as never, name: 'far' as never, user: parseUserName('root') },
    clock: timers.clock,
    after: timers.after,
    ownNetworks: () => networks,
    findEndpoint: async () => ({ address }) as never,
  })
  await new Promise(resolve => setImmediate(resolve))
  const closed = refusals({}, addresses => own.has(addresses))
  const open = refusals({ opens: ['me.example', '203.0.113.7'] }, addresses => own.has(addresses))
  for (const ip of [
    '203.0.113.7',
    '203.0.113.200',
    '2001:db8:1::99',
    '198.51.100.9',
    '100.1.2.3',
    '64:ff9b::cb00:7107',
  ])
    assert.match(closed(ip) ?? '', /an address or network of the exit, and not open/, ip)
  for (const ip of ['203.0.114.1', '2001:db8:2::1', '198.51.100.10', '100.1.2.4'])
    assert.equal(closed(ip), undefined, ip)
  assert.deepEqual([open('203.0.113.7'), open('198.51.100.9', 'me.example')], [undefined, undefined])
  assert.match(open('203.0.113.8') ?? '', /not open/)
  networks = ['192.0.2.1/24']
  address = '198.51.100.77:1'
  timers.advance(60_000)
  await new Promise(resolve => setImmediate(resolve))
  for (const ip of ['192.0.2.99', '198.51.100.77', '198.51.100.9'])
    assert.match(closed(ip) ?? '', /not open/, ip)
  assert.equal(closed('203.0.113.7'), undefined)
  own[Symbol.dispose]()
  assert.equal(timers.pendingCount, 0)
})
