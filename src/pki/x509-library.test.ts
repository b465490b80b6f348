import assert from 'node:assert/strict'
import { it } from 'node:test'
import { loadX509 } from './x509-library.ts'

it('loadX509() loads the library and leaves Reflect as it was, asked once or many times at once', async () => {
  const before = Reflect.ownKeys(Reflect)
  const libraries = await Promise.all([loadX509(), loadX509(), loadX509()])
  assert.deepEqual(Reflect.ownKeys(Reflect), before)
  assert.equal(new Set(libraries.map(library => library.X509CertificateGenerator)).size, 1)
  assert.equal((await loadX509()).X509CertificateGenerator, libraries[0].X509CertificateGenerator)
})
