import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { type ReleaseBody, releaseBodyShape, releaseShape } from '../core/app/release.ts'
import {
  findPublisherKey,
  importPublisherKey,
  openPublisherKey,
  readPublisherKey,
  verifyRelease,
} from './publisher-key.ts'

const BODY: ReleaseBody = releaseBodyShape.parse({
  mesh: 'm',
  provider: 'alice',
  name: 'notes',
  version: '1.0.0',
  channel: 'stable',
  hash: 'a'.repeat(64),
  sizeBytes: 100,
  manifestText: '{"name":"notes","version":"1.0.0"}',
  users: ['*'],
  groups: [],
  publishedAtMs: 1,
})

function folderInMemory() {
  const secrets = new Map<string, string>()
  return {
    secrets,
    readSecret: async (name: string) => secrets.get(name),
    async writeSecret(name: string, text: string) {
      secrets.set(name, text)
    },
  }
}

test('openPublisherKey() makes a key once, and what it signs is trusted', async () => {
  const folder = folderInMemory()
  assert.equal(await findPublisherKey(folder), undefined)
  const key = await openPublisherKey(folder)
  assert.equal((await openPublisherKey(folder)).publicKey, key.publicKey)
  verifyRelease(releaseShape.parse(key.sign(BODY)))
})

test('verifyRelease() refuses every change, and the signature of another key', async () => {
  const release = (await openPublisherKey(folderInMemory())).sign(BODY)
  const other = (await openPublisherKey(folderInMemory())).sign(BODY)
  const forged = [
    { ...release, version: '0.9.0' },
    { ...release, mesh: 'n' },
    { ...release, provider: 'bob' },
    { ...release, channel: 'beta' },
    { ...release, hash: 'b'.repeat(64) },
    { ...release, sizeBytes: 99 },
    { ...release, manifestText: `${release.manifestText} ` },
    { ...release, users: [] },
    { ...release, publicKey: other.publicKey },
    { ...release, signature: other.signature },
    { ...release, signature: 'A'.repeat(86) },
    { ...release, publicKey: '_'.repeat(43) },
  ]
  for (const one of forged)
    assert.throws(() => verifyRelease(releaseShape.parse(one)), { code: 'not-trusted' })
})

test('importPublisherKey() takes a key over to a second computer, and none in the place of another by accident', async () => {
  const [first, second] = [folderInMemory(), folderInMemory()]
  const key = await openPublisherKey(first)
  assert.equal((await importPublisherKey(second, key.privateKeyPem, false)).publicKey, key.publicKey)
  await importPublisherKey(second, key.privateKeyPem, false)
  const other = await openPublisherKey(folderInMemory())
  await assert.rejects(importPublisherKey(second, other.privateKeyPem, false), { code: 'conflict' })
  assert.equal((await importPublisherKey(second, other.privateKeyPem, true)).publicKey, other.publicKey)
})

test('a damaged key is neither used nor replaced', async () => {
  const folder = folderInMemory()
  folder.secrets.set('publisher-key.pem', 'junk')
  await assert.rejects(openPublisherKey(folder), { code: 'storage-failed' })
  assert.equal(folder.secrets.get('publisher-key.pem'), 'junk')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  assert.throws(() => readPublisherKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()), {
    code: 'bad-input',
  })
})
