import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Name, UserName } from '../../core/model/names.ts'
import { compileExitRules } from './exit-rules.ts'
import type { ExitRule } from './messages.ts'

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
