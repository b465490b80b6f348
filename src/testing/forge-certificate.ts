import { createHash, createPrivateKey, createPublicKey, randomBytes } from 'node:crypto'
import type { Extension } from '@peculiar/x509'
import type { KeyPair } from '../pki/key-pair.ts'
import { loadX509, type X509Library } from '../pki/x509-library.ts'

/** A certificate as an attacker or a broken authority might make it: nothing is checked. */
export interface Forgery {
  readonly subject: string
  readonly keys: KeyPair
  readonly issuer: { readonly subject: string; readonly keys: KeyPair }
  /** Names in the URI SAN. */
  readonly uris: readonly string[]
  readonly hosts?: readonly string[]
  readonly isCa?: boolean
  readonly pathLength?: number | undefined
  /** Names of `KeyUsageFlags`. */
  readonly keyUsages?: readonly ('digitalSignature' | 'keyCertSign' | 'cRLSign')[]
  readonly purposes?: readonly ('serverAuth' | 'clientAuth' | 'codeSigning')[]
  readonly fromMs: number
  readonly untilMs: number
  /** Extensions beside the usual ones. */
  readonly extra?: (library: X509Library) => Extension[]
  /** Names of usual extensions to leave out. */
  readonly without?: readonly ('names' | 'constraints' | 'usage')[]
  readonly hash?: 'SHA-256' | 'SHA-384'
}

/** Make a certificate. @returns PEM */
export async function forgeCertificate(forgery: Forgery): Promise<string> {
  const library = await loadX509()
  const { subject, issuer, keys, hash = 'SHA-256' } = forgery
  const key = createPublicKey(keys.publicKeyPem)
  const namedCurve = key.asymmetricKeyDetails?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256'
  const certificate = await library.X509CertificateGenerator.create({
    subject: [{ CN: [subject] }],
    issuer: [{ CN: [issuer.subject] }],
    serialNumber: `40${randomBytes(15).toString('hex')}`,
    publicKey: key.toCryptoKey({ name: 'ECDSA', namedCurve }, true, ['verify']),
    signingKey: createPrivateKey(issuer.keys.privateKeyPem).toCryptoKey(
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['sign'],
    ),
    signingAlgorithm: { name: 'ECDSA', hash },
    notBefore: new Date(forgery.fromMs),
    notAfter: new Date(forgery.untilMs),
    extensions: extensionsOf(library, forgery),
  })
  return `${certificate.toString('pem')}\n`
}

function extensionsOf(library: X509Library, forgery: Forgery): Extension[] {
  const { keys, issuer, uris, hosts = [], isCa = false, without = [], extra } = forgery
  const usages = forgery.keyUsages ?? (isCa ? ['keyCertSign', 'cRLSign'] : ['digitalSignature'])
  const purposes = forgery.purposes ?? (isCa ? [] : ['serverAuth', 'clientAuth'])
  return [
    ...(without.includes('constraints')
      ? []
      : [new library.BasicConstraintsExtension(isCa, forgery.pathLength, true)]),
    ...(without.includes('usage')
      ? []
      : [
          new library.KeyUsagesExtension(
            usages.reduce((bits, usage) => bits | library.KeyUsageFlags[usage], 0),
            true,
          ),
        ]),
    ...(purposes.length > 0
      ? [new library.ExtendedKeyUsageExtension(purposes.map(purpose => library.ExtendedKeyUsage[purpose]))]
      : []),
    ...(without.includes('names')
      ? []
      : [
          new library.SubjectAlternativeNameExtension([
            ...uris.map(value => ({ type: 'url', value }) as const),
            ...hosts.map(value => ({ type: 'dns', value }) as const),
          ]),
        ]),
    new library.SubjectKeyIdentifierExtension(keyId(keys)),
    new library.AuthorityKeyIdentifierExtension(keyId(issuer.keys)),
    ...(extra?.(library) ?? []),
  ]
}

function keyId({ publicKeyPem }: KeyPair): string {
  return createHash('sha256').update(publicKeyPem).digest('hex').slice(0, 40)
}
