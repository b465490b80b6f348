import { webcrypto } from 'node:crypto'
import { loadX509 } from '../pki/x509-library.ts'

/** A self-signed certificate for hosts, as a web server has it. */
export interface WebCertificate {
  readonly certificatePem: string
  readonly keyPem: string
}

/** Make one. It may sign itself, so that it can be given to clients as their root. */
export async function makeWebCertificate(hosts: readonly string[], days = 30): Promise<WebCertificate> {
  const x509 = await loadX509()
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${hosts[0]}`,
    keys: keys as webcrypto.CryptoKeyPair,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + days * 86_400_000),
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        hosts.map(host => ({ type: /^[\d.]+$/.test(host) ? 'ip' : 'dns', value: host })),
      ),
      new x509.BasicConstraintsExtension(true),
    ],
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const keyPem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
  return { certificatePem: certificate.toString('pem'), keyPem }
}
