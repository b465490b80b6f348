import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertRefused } from '../../testing/refusal.ts'
import { hashPassword, isPassword } from './password-hash.ts'

// The reference implementation, test.c: password "password", salt "somesalt".
const REFERENCE = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc'

test('isPassword() agrees with the reference implementation', async () => {
  assert.deepEqual(
    [await isPassword('password', REFERENCE), await isPassword('passwore', REFERENCE)],
    [true, false],
  )
})

test('hashPassword() gives another text each time, in which isPassword() finds the password', async () => {
  const [a, b] = await Promise.all([hashPassword('Zürich'), hashPassword('Zürich')])
  assert.match(a, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.notEqual(a, b)
  assert.equal(await isPassword('Zürich'.normalize('NFD'), a), true)
  assert.equal(await isPassword('Zurich', a), false)
})

test('isPassword() is no for nobody, whatever the password', async () => {
  assert.equal(await isPassword('', undefined), false)
})

test('isPassword() computes nothing for a stored text that is no hash, or a dear one', async () => {
  const [head, salt, hash] = ['$argon2id$v=19$', 'c29tZXNhbHQ', 'CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc']
  for (const stored of [
    'secret',
    `$argon2i$v=19$m=19456,t=2,p=1$${salt}$${hash}`,
    `${head}m=4194304,t=2,p=1$${salt}$${hash}`,
    `${head}m=19456,t=99,p=1$${salt}$${hash}`,
    `${head}m=19456,t=0,p=1$${salt}$${hash}`,
    `${head}m=19456,t=2,p=0$${salt}$${hash}`,
    `${head}m=7,t=2,p=1$${salt}$${hash}`,
    `${head}m=19456,t=2,p=1$${salt}$CTFhFdXPJO1aFaMaO6Mm`,
  ]) {
    await assertRefused(isPassword('password', stored), 'storage-failed')
  }
})
