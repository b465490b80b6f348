import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ruleShape, type ScriptRule } from '../../apps/script/messages.ts'
import { addRule, removeRule, whoOf, wordsOfRule } from './script-rules.ts'

const rule = (of: object): ScriptRule => ruleShape.parse(of)

test('a rule holds alone for whom it names, and others keep theirs', () => {
  const both = rule({ users: ['ann', 'bob'], groups: ['ops'], grants: { read: ['/srv'] } })
  const bob = rule({ users: ['bob'], grants: { network: ['example.com:443'] }, memoryMb: 64 })
  const rules = addRule([both], bob)
  assert.deepEqual(rules.map(whoOf), ['ann, @ops', 'bob'])
  assert.deepEqual(removeRule(rules, bob).map(whoOf), ['ann, @ops'])
  assert.deepEqual(removeRule(rules, rule({ users: ['ann'], groups: ['ops'] })), [bob])
  assert.deepEqual(wordsOfRule(bob), [
    ...['--allow-user', 'bob', '--grant', 'net:example.com:443'],
    ...['--memory', '64', '--max-time', '600s'],
  ])
})
