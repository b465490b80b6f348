import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiSessionRecordShape, authPolicyRecordShape, identityRecordShape } from './edge-records.ts'
import type { Logins } from './logins.ts'

const ID = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11'
const base = { version: 1, id: ID, createdAtMs: 1, updatedAtMs: 1 }

test('an identity reads as it was written, with what is missing filled in', () => {
  const stored = {
    ...base,
    name: 'laptop',
    typeId: 'Device',
    isAdmin: false,
    roleAttributes: ['staff'],
    authPolicyId: 'default',
    defaultHostingCost: 0,
    defaultHostingPrecedence: 'default',
    serviceHostingCosts: {},
    serviceHostingPrecedences: {},
    serviceConfigs: [],
  }
  assert.deepEqual(identityRecordShape.parse(stored), { ...stored, tags: {}, appData: {} })
  assert.equal(identityRecordShape.safeParse({ ...stored, version: 2 }).success, false)
  assert.equal(identityRecordShape.safeParse({ ...stored, id: 'ROOT' }).success, false)
})

test('no token is in the record of a login', () => {
  assert.ok(!Object.keys(apiSessionRecordShape.shape).includes('token'))
  assert.ok(authPolicyRecordShape.shape.id.safeParse('default').success)
  const nobody: Logins = { login: async () => Promise.reject(new Error('nobody')) }
  assert.equal(typeof nobody.login, 'function')
})
