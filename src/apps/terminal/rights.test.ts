import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Name, parseName, parseUserName, type UserName } from '../../core/model/names.ts'
import type { TerminalConfig } from './messages.ts'
import { decideRights } from './rights.ts'

const [owner, bob, eve] = [parseUserName('root'), parseUserName('bob'), parseUserName('eve')]
const [ops, sales] = [parseName('ops'), parseName('sales')]

/** What comes of it, in short: the account, `agent`, `agent unless root`, or undefined for a guest. */
function decide(
  config: Partial<TerminalConfig>,
  user: UserName,
  groups: readonly Name[] | 'not asked' = 'not asked',
): string | undefined {
  const rights = decideRights({ users: [], groups: [], accounts: {}, ...config }, owner, {
    user,
    groups: () => (groups === 'not asked' ? assert.fail('asked for groups') : groups),
  })
  if (rights.kind === 'guest') return undefined
  return rights.account ?? (rights.isNeverRoot ? 'agent unless root' : 'agent')
}

test('only the owner gets the rights of an agent that may be root, unless an account is named', () => {
  assert.equal(decide({}, owner), 'agent')
  assert.equal(decide({ accounts: { root: 'www-data' } }, owner), 'www-data')
  assert.equal(decide({}, bob), undefined)
  assert.equal(decide({ users: [bob] }, bob), 'agent unless root')
  assert.equal(decide({ users: [bob], accounts: { bob: 'www-data' } }, bob), 'www-data')
  // An account alone is no right.
  assert.equal(decide({ accounts: { eve: 'root' } }, eve), undefined)
  // Names that every object has.
  const odd = parseUserName('constructor')
  assert.equal(decide({ users: [odd] }, odd), 'agent unless root')
})

test('groups let in, and have accounts; one that is empty or gone lets nobody in', () => {
  assert.equal(decide({ groups: [ops] }, bob, [ops]), 'agent unless root')
  assert.equal(decide({ groups: [ops] }, bob, [sales]), undefined)
  assert.equal(decide({ groups: [ops] }, bob, []), undefined)
  const config = { groups: [ops], accounts: { '@ops': 'www-data', '@sales': 'root', bob: 'nobody' } }
  assert.equal(decide(config, eve, [sales, ops]), 'www-data')
  assert.equal(decide(config, eve, [sales]), undefined)
  assert.equal(decide(config, bob, [ops]), 'nobody')
  // A user is no group of that name.
  assert.equal(decide({ groups: [ops] }, parseUserName('ops'), []), undefined)
  assert.equal(decide({ users: [eve], ...config, groups: [] }, eve, [ops]), 'www-data')
})
