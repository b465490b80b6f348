import assert from 'node:assert/strict'
import { test } from 'node:test'
import { detailsOf, labelOf } from './entity-details.ts'

test('detailsOf() says what there is, by name where there is one, and never a token', () => {
  const entity = {
    id: 'i',
    name: 'ann',
    _links: { self: { href: './x' } },
    authPolicyId: 'default',
    authPolicy: { _links: {}, id: 'default', name: 'Default' },
    enrollment: { ott: { jwt: 'SECRET', token: 'SECRET' } },
    token: 'SECRET',
    jwt: 'SECRET',
    identityRoles: ['@i', '#x'],
    identityRolesDisplay: [{ role: '@i', name: '@ann' }],
    tags: {},
    externalId: null,
    isAdmin: false,
  }
  const details = detailsOf(entity)
  assert.deepEqual(details, [
    { name: 'id', value: 'i' },
    { name: 'authPolicy', value: 'Default' },
    { name: 'identityRoles', value: ['@ann', '#x'] },
    { name: 'isAdmin', value: false },
  ])
  assert.ok(!JSON.stringify(details).includes('SECRET'))
})

test('labelOf() names what has no name by what it joins', () => {
  assert.equal(labelOf({ id: 's', identity: { name: 'ann' }, service: { name: 'db' } }), 'ann → db')
  assert.equal(labelOf({ id: 's' }), 's')
})
