import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Entity } from '../../core/edge/entity-members.ts'
import { COLLECTIONS } from './collections.ts'
import {
  bodyOfChange,
  bodyOfNew,
  changedMeanwhile,
  commandOfChange,
  commandOfNew,
  firstValues,
} from './form-values.ts'

const policy = COLLECTIONS.policy
const authPolicy = COLLECTIONS['auth-policy']

test('bodyOfNew() says what was filled in over what every one has', () => {
  const first = firstValues(policy, undefined)
  const values = {
    name: ' p ',
    members: { ...first.members, identityRoles: ['#sales', '@id'], serviceRoles: [] },
  }
  assert.deepEqual(bodyOfNew(policy, values), {
    name: 'p',
    type: 'Dial',
    semantic: 'AnyOf',
    identityRoles: ['#sales', '@id'],
    serviceRoles: [],
  })
  assert.equal(commandOfNew(policy, values), "ztm create policy p --type Dial --identities '#sales' @id")
})

test('bodyOfChange() says only what changed, and that a text is gone', () => {
  const identity: Entity = {
    id: 'i',
    name: 'ann',
    typeId: 'User',
    isAdmin: false,
    roleAttributes: ['a'],
    externalId: 'ann@x',
    authPolicyId: 'default',
  }
  const first = firstValues(COLLECTIONS.identity, identity)
  const now = { name: 'anna', members: { ...first.members, externalId: ' ', isAdmin: true } }
  assert.deepEqual(bodyOfChange(COLLECTIONS.identity, first, now), {
    name: 'anna',
    externalId: null,
    isAdmin: true,
  })
  assert.equal(
    commandOfChange(COLLECTIONS.identity, first, now, 'i'),
    "ztm update identity ann --rename anna --set 'externalId=null' --admin".replaceAll("'", ''),
  )
  assert.deepEqual(bodyOfChange(COLLECTIONS.identity, first, first), {})
})

test('bodyOfChange() of a member of a member leaves its neighbours alone', () => {
  const first = firstValues(authPolicy, undefined)
  const now = {
    ...first,
    members: { ...first.members, 'primary.updb.allowed': false, 'primary.updb.maxAttempts': 3 },
  }
  assert.deepEqual(bodyOfChange(authPolicy, first, now), {
    primary: { updb: { allowed: false, maxAttempts: 3 } },
  })
  assert.equal(
    commandOfChange(authPolicy, { ...first, name: 'x' }, { ...now, name: 'x' }, 'id'),
    'ztm update auth-policy x --set primary.updb.allowed=false --set primary.updb.maxAttempts=3',
  )
})

test('commandOfNew() quotes what a shell would read, and never makes an option of a value', () => {
  const values = {
    name: "a'; rm -rf",
    members: {
      ...firstValues(COLLECTIONS.service, undefined).members,
      roleAttributes: ['--admin', '$(x)'],
    },
  }
  assert.equal(
    commandOfNew(COLLECTIONS.service, values),
    `ztm create service 'a'\\''; rm -rf' --set 'roleAttributes=["--admin","$(x)"]'`,
  )
})

test('changedMeanwhile() names what both changed, and differently, and nothing else', () => {
  const service = COLLECTIONS.service
  const entity = { id: 's1', name: 'db', roleAttributes: ['a'], encryptionRequired: false }
  const first = firstValues(service, entity)
  const now = { ...first, members: { ...first.members, roleAttributes: ['a', 'mine'] } }
  assert.deepEqual(changedMeanwhile(service, first, now, { ...entity, roleAttributes: ['a', 'theirs'] }), [
    'roleAttributes',
  ])
  // What they changed elsewhere stays; what they changed alike is no matter; of what was not changed here nothing is sent.
  assert.deepEqual(changedMeanwhile(service, first, now, { ...entity, name: 'theirs' }), [])
  assert.deepEqual(changedMeanwhile(service, first, now, { ...entity, roleAttributes: ['a', 'mine'] }), [])
  assert.deepEqual(changedMeanwhile(service, first, first, { ...entity, roleAttributes: ['x'] }), [])
  assert.deepEqual(changedMeanwhile(service, first, { ...first, name: 'mine' }, { ...entity, name: 'x' }), [
    'name',
  ])
})
