import assert from 'node:assert/strict'
import { it } from 'node:test'
import { assertRefused } from '../testing/refusal.ts'
import { createSecretMemory } from '../testing/secret-memory.ts'
import { openDeviceKey } from './device-key.ts'

it('openDeviceKey() makes a key once and keeps it', async () => {
  const folder = createSecretMemory()
  const first = await openDeviceKey(folder)
  assert.deepEqual([...folder.files], [['device-key.pem', first.privateKeyPem]])
  assert.deepEqual(await openDeviceKey(folder), first)
  assert.equal(folder.written.length, 1)
})

it('openDeviceKey() never replaces a file that is damaged', async () => {
  const folder = createSecretMemory()
  const { privateKeyPem } = await openDeviceKey(folder)
  for (const text of ['', 'garbage', privateKeyPem.slice(0, 100)]) {
    folder.files.set('device-key.pem', text)
    await assertRefused(openDeviceKey(folder), 'storage-failed', /device-key.pem is damaged: restore it/)
    assert.equal(folder.files.get('device-key.pem'), text)
  }
})

it('openDeviceKey() gives no key that could not be kept', async () => {
  const folder = createSecretMemory()
  folder.failAfter(0)
  await assert.rejects(openDeviceKey(folder), /the power is off/)
})
