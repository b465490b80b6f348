import assert from 'node:assert/strict'
import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { describe, it } from 'node:test'
import { assertRefused } from '../testing/refusal.ts'
import { createKeyPair, formatPublicKey, keyFingerprint, keyPairOf, readPublicKeyPem } from './key-pair.ts'

describe('createKeyPair()', () => {
  it('makes a new P-256 pair each time, whose halves belong together', async () => {
    const [a, b] = [await createKeyPair(), await createKeyPair()]
    assert.notEqual(a.privateKeyPem, b.privateKeyPem)
    assert.match(a.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n/)
    assert.equal(createPublicKey(a.publicKeyPem).asymmetricKeyDetails?.namedCurve, 'prime256v1')
    const text = Buffer.from('text')
    const signature = sign('sha256', text, a.privateKeyPem)
    assert.deepEqual(
      [a, b].map(keys => verify('sha256', text, keys.publicKeyPem, signature)),
      [true, false],
    )
  })
})

describe('keyPairOf()', () => {
  it('gives the pair of a private key', async () => {
    const keys = await createKeyPair()
    assert.deepEqual(keyPairOf(keys.privateKeyPem), keys)
  })

  it('refuses other keys and other text, and repeats none of it', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey
    const texts = [rsa, p384].map(key => key.export({ type: 'pkcs8', format: 'pem' }).toString())
    const { privateKeyPem, publicKeyPem } = await createKeyPair()
    for (const text of [...texts, publicKeyPem, '', 'secret', privateKeyPem.slice(0, -60)]) {
      await assertRefused(
        () => keyPairOf(text),
        'bad-input',
        /^Cannot read private key: not a P-256 key in PEM/,
      )
    }
  })
})

describe('keyFingerprint()', () => {
  it('is the SHA-256 of the key, whatever form the key comes in', async () => {
    const { publicKeyPem } = await createKeyPair()
    const spki = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' })
    const expected = createHash('sha256').update(spki).digest('base64url')
    const forms = [publicKeyPem, publicKeyPem.replaceAll('\n', '\r\n'), publicKeyPem.trimEnd(), spki]
    assert.deepEqual(new Set(forms.map(form => keyFingerprint(form))), new Set([expected]))
    assert.equal(expected.length, 43)
  })

  it('refuses what is no P-256 public key', async () => {
    const { privateKeyPem, publicKeyPem } = await createKeyPair()
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).publicKey
    const spki = readPublicKeyPem(publicKeyPem)
    // The same point, written in the short form that OpenSSL reads as well.
    const compressed = Buffer.concat([
      Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
      Buffer.of(2 + ((spki.at(-1) ?? 0) & 1)),
      spki.subarray(27, 59),
    ])
    assert.ok(createPublicKey({ key: compressed, type: 'spki', format: 'der' }))
    const forms = [
      rsa.export({ type: 'spki', format: 'pem' }).toString(),
      privateKeyPem,
      `${publicKeyPem}${publicKeyPem}`,
      `${publicKeyPem} `,
      '',
      'x'.repeat(2_000),
      spki.subarray(1),
      Buffer.concat([spki, Buffer.of(0)]),
      formatPublicKey(compressed),
    ]
    for (const form of forms) await assertRefused(() => keyFingerprint(form), 'bad-input', /key|PEM/)
  })
})
