import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryRuleWords, exitRuleWords, formatProxyCommand, moved } from './proxy-words.ts'

const office = { name: 'the office', isLocal: false }

test('rules are shown as the commands that add them', () => {
  const exits = [{ id: 'x', name: 'backup', user: 'root' }] as never
  const entry = { targets: ['*.example.com'], ports: '443', clients: ['ann'], action: 'exit', exits } as const
  assert.equal(
    formatProxyCommand(office, ...entryRuleWords(entry)),
    "ztm ep 'the office' proxy rules add '*.example.com' --ports 443 --exits backup --clients ann",
  )
  const local = { ...office, isLocal: true }
  const deny = { ...entry, ports: '*', clients: [], action: 'deny', exits: [] } as const
  assert.equal(
    formatProxyCommand(local, ...entryRuleWords(deny)),
    "ztm proxy rules add '*.example.com' --deny",
  )
  const rule = { targets: ['10.0.0.0/8'], ports: '*', users: [], action: 'deny' } as const
  assert.equal(
    formatProxyCommand(local, ...exitRuleWords({ ...rule, targets: [...rule.targets], users: [] })),
    'ztm proxy rules add 10.0.0.0/8 --deny --exit',
  )
  const some = { targets: ['*'], ports: '*', users: ['bob'], groups: ['ops'], action: 'allow' } as never
  assert.equal(
    formatProxyCommand(local, ...exitRuleWords(some)),
    "ztm proxy rules add '*' --allow --users bob --groups ops",
  )
})

test('moved() moves by one, and no further than the ends', () => {
  assert.deepEqual(moved(['a', 'b', 'c'], 1, -1), ['b', 'a', 'c'])
  assert.deepEqual(moved(['a', 'b', 'c'], 0, -1), ['a', 'b', 'c'])
  assert.deepEqual(moved(['a', 'b', 'c'], 2, 1), ['a', 'b', 'c'])
})
