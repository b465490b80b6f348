import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountLines, changedAccounts, wordsOfAccounts } from './terminal-accounts.ts'

test('changedAccounts() says what changed and what was taken away, and nothing else', () => {
  const before = { bob: 'www-data', '@ops': 'deploy', eve: 'guest' }
  assert.deepEqual(accountLines(before), ['bob=www-data', '@ops=deploy', 'eve=guest'])
  const lines = ['bob=www-data', '@ops = admin', 'ann=ann']
  assert.deepEqual(changedAccounts(before, lines), { eve: null, '@ops': 'admin', ann: 'ann' })
  assert.deepEqual(wordsOfAccounts(before, lines), ['--run-as', 'eve=', '@ops=admin', 'ann=ann'])
  assert.deepEqual(wordsOfAccounts(before, accountLines(before)), [])
  for (const line of ['bob', '=x', 'bob=', 'bob=a b', '__proto__'])
    assert.throws(() => changedAccounts(before, [line]), { code: 'bad-input' })
})
