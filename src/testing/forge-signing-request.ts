import type { KeyPairKeyObjectResult } from 'node:crypto'
import { loadX509 } from '../pki/x509-library.ts'

/** What a signing request claims beside its key. */
export interface ForgedNames {
  readonly subject?: string
  readonly uris?: readonly string[]
  readonly hosts?: readonly string[]
}

/** Make a signing request as some client might, with any kind of key and names of its choice. @returns PKCS #10, PEM */
export async function forgeSigningRequest(
  { privateKey, publicKey }: KeyPairKeyObjectResult,
  { subject = 'anybody', uris = [], hosts = [] }: ForgedNames = {},
): Promise<string> {
  const library = await loadX509()
  const details = publicKey.asymmetricKeyDetails
  const namedCurve = details?.namedCurve === 'secp384r1' ? 'P-384' : 'P-256'
  const algorithm =
    publicKey.asymmetricKeyType === 'rsa'
      ? { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
      : { name: 'ECDSA', namedCurve, hash: 'SHA-256' }
  const names = [
    ...uris.map(value => ({ type: 'url' as const, value })),
    ...hosts.map(value => ({ type: 'dns' as const, value })),
  ]
  const request = await library.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [subject] }],
    keys: {
      privateKey: privateKey.toCryptoKey(algorithm, true, ['sign']),
      publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new library.SubjectAlternativeNameExtension(names)],
  })
  return `${request.toString('pem')}\n`
}
