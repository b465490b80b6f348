import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { type Forgery, forgeCertificate } from '../testing/forge-certificate.ts'
import { assertRefused } from '../testing/refusal.ts'
import { readCertificate } from './certificate-fields.ts'
import { createKeyPair, readPublicKeyPem } from './key-pair.ts'
import { readPem } from './pem.ts'

const NOW = Date.UTC(2049, 11, 31)
let forgery: Forgery
let der: Buffer

before(async () => {
  const keys = await createKeyPair()
  const issuer = { subject: 'issuer', keys }
  // Ends after 2049, where X.509 goes from one form of dates to another.
  forgery = {
    subject: 'bob',
    keys,
    issuer,
    uris: ['a:b'],
    hosts: ['h'],
    fromMs: NOW,
    untilMs: NOW + 2 * 86_400_000,
  }
  der = await forge()
})

async function forge(change: Partial<Forgery> = {}): Promise<Buffer> {
  const [bytes] = readPem(await forgeCertificate({ ...forgery, ...change }), 'CERTIFICATE')
  assert.ok(bytes !== undefined)
  return bytes
}

/** The certificate with other bytes in one place; as long as before. OpenSSL still reads it. */
function patched(from: string, to: string, which: 'first' | 'last' = 'first'): Buffer {
  const text = der.toString('hex')
  const at = which === 'first' ? text.indexOf(from) : text.lastIndexOf(from)
  assert.ok(at > 0 && from.length === to.length)
  const bytes = Buffer.from(`${text.slice(0, at)}${to}${text.slice(at + from.length)}`, 'hex')
  assert.ok(new X509Certificate(bytes))
  return bytes
}

describe('readCertificate()', () => {
  it('reads what our checks look at', () => {
    const { x509, issuer, subject, spki, keyId, issuerKeyId, serial, ...rest } = readCertificate(der)
    assert.deepEqual(rest, {
      notBeforeMs: NOW,
      notAfterMs: NOW + 2 * 86_400_000,
      isCa: false,
      pathLength: undefined,
      keyUsage: 0x80,
      purposes: ['server', 'client'],
      names: [{ kind: 'uri', value: 'a:b' }, { kind: 'dns' }],
    })
    assert.deepEqual(
      [x509.subject, x509.issuer, x509.serialNumber.toLowerCase()],
      ['CN=bob', 'CN=issuer', serial],
    )
    assert.deepEqual(spki, readPublicKeyPem(forgery.keys.publicKeyPem))
    assert.equal(keyId, issuerKeyId)
    assert.notDeepEqual(issuer, subject)
  })

  it('reads the flags of an authority', async () => {
    const { isCa, pathLength, keyUsage, purposes } = readCertificate(
      await forge({ isCa: true, pathLength: 3 }),
    )
    assert.deepEqual(
      { isCa, pathLength, keyUsage, purposes },
      { isCa: true, pathLength: 3, keyUsage: 6, purposes: [] },
    )
  })

  it('refuses another version, algorithm or serial, wherever it stands', async () => {
    const ecdsa = '300a06082a8648ce3d040302'
    const cases: [Buffer, RegExp][] = [
      [patched('a003020102', 'a003020101'), /version/],
      [patched(ecdsa, ecdsa.replace(/2$/, '3')), /signature algorithm/],
      [patched(ecdsa, ecdsa.replace(/2$/, '3'), 'last'), /signature algorithm/],
      [patched('a003020102021040', 'a0030201020210c0'), /serial/],
      [Buffer.concat([der, Buffer.of(0)]), /length|not one/],
      [Buffer.alloc(0), /not one/],
    ]
    for (const [bytes, message] of cases)
      await assertRefused(() => readCertificate(bytes), 'bad-input', message)
  })

  it('refuses usage bits beyond those we know', async () => {
    const bytes = await forge({
      without: ['usage'],
      extra: ({ Extension }) => [new Extension('2.5.29.15', true, Buffer.from('0303078080', 'hex'))],
    })
    await assertRefused(() => readCertificate(bytes), 'bad-input', /key usage/)
  })

  it('refuses a key that is not P-256', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-384',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const p384 = { privateKeyPem: privateKey, publicKeyPem: publicKey }
    const bytes = readPem(await forgeCertificate({ ...forgery, keys: p384 }), 'CERTIFICATE')[0]
    assert.ok(bytes !== undefined)
    await assertRefused(() => readCertificate(bytes), 'bad-input', /P-256/)
  })
})
