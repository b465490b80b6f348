import { createHash, createPrivateKey, randomBytes, type webcrypto } from 'node:crypto'
import type { ExtendedKeyUsageType, Extension, JsonGeneralName, JsonName } from '@peculiar/x509'
import { MeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import { formatSpiffeId, type Identity } from '../core/model/spiffe-id.ts'
import { type CertificateFields, readCertificate } from './certificate-fields.ts'
import { P256_HEADER, readPublicKeyPem, readSpki } from './key-pair.ts'
import { readPem } from './pem.ts'
import { loadX509, type X509Library } from './x509-library.ts'

/** A certificate with its key, which may sign others. */
export interface Signer {
  readonly mesh: MeshId
  readonly certificatePem: string
  readonly privateKeyPem: string
}

/** From when to when a certificate is to be good, ms since the epoch; both are cut to whole seconds. */
export interface Validity {
  /** When it is made; it is good from `BACKDATE_MS` before. */
  readonly madeAtMs: number
  readonly endsAtMs: number
}

/** What a leaf certificate is to say. */
export interface LeafOrder {
  readonly identity: Identity
  readonly publicKeyPem: string
  /** Host names and IP addresses, without ports. */
  readonly hosts: readonly string[]
}

/** Make the root's certificate: of its own key, for itself. */
export function makeRootCertificate(
  signer: Omit<Signer, 'certificatePem'>,
  spki: Buffer,
  validity: Validity,
) {
  return makeCertificate({ ...signer, issuer: rootName(signer.mesh) }, validity, library => ({
    subject: rootName(signer.mesh),
    spki,
    extensions: authorityExtensions(library, signer.mesh, 1),
  }))
}

/** Make the certificate of an intermediate, which may sign leaves and nothing else. */
export function makeIntermediateCertificate(root: Signer, publicKeyPem: string, validity: Validity) {
  return makeCertificate({ ...root, issuer: rootName(root.mesh) }, validity, library => ({
    subject: intermediateName(root.mesh),
    spki: readPublicKeyPem(publicKeyPem),
    extensions: authorityExtensions(library, root.mesh, 0),
  }))
}

/** Make the certificate of an endpoint, hub or permit. @throws MeshError `bad-input` for a key or host that is none */
export function makeLeafCertificate(intermediate: Signer, order: LeafOrder, validity: Validity) {
  return makeCertificate(
    { ...intermediate, issuer: intermediateName(intermediate.mesh) },
    validity,
    library => ({
      subject: [{ CN: [commonName(order.identity)] }],
      spki: readPublicKeyPem(order.publicKeyPem),
      extensions: leafExtensions(library, order),
    }),
  )
}

interface Content {
  readonly subject: JsonName
  readonly spki: Buffer
  readonly extensions: readonly Extension[]
}

async function makeCertificate(
  signer: { privateKeyPem: string; certificatePem?: string; issuer: JsonName },
  { madeAtMs, endsAtMs }: Validity,
  contentOf: (library: X509Library) => Content,
): Promise<string> {
  const library = await loadX509()
  const { subject, spki, extensions } = contentOf(library)
  const issuerSpki = signer.certificatePem === undefined ? spki : readSigner(signer.certificatePem).spki
  const certificate = await library.X509CertificateGenerator.create({
    subject,
    issuer: signer.issuer,
    serialNumber: randomSerial(),
    publicKey: readSpki(spki).toCryptoKey(ECDSA, true, ['verify']),
    signingKey: signingKeyOf(signer.privateKeyPem),
    signingAlgorithm: ECDSA,
    notBefore: new Date(wholeSecond(madeAtMs - BACKDATE_MS)),
    notAfter: new Date(wholeSecond(endsAtMs)),
    extensions: [
      ...extensions,
      new library.SubjectKeyIdentifierExtension(keyIdOf(spki)),
      new library.AuthorityKeyIdentifierExtension(keyIdOf(issuerSpki)),
    ],
  })
  return `${certificate.toString('pem')}\n`
}

/** What a signer's certificate says. @throws MeshError `bad-input` unless it is one */
export function readSigner(certificatePem: string): CertificateFields {
  const [der, ...rest] = readPem(certificatePem, 'CERTIFICATE')
  if (der === undefined || rest.length > 0)
    throw new MeshError('bad-input', 'Cannot read certificate: not just one')
  return readCertificate(der)
}

/** A private key for the library that writes certificates. */
export function signingKeyOf(privateKeyPem: string): webcrypto.CryptoKey {
  return createPrivateKey(privateKeyPem).toCryptoKey(ECDSA, false, ['sign'])
}

/** The time as X.509 writes it, in ms. */
export function wholeSecond(timeMs: number): number {
  return Math.floor(timeMs / 1_000) * 1_000
}

function authorityExtensions(library: X509Library, mesh: MeshId, pathLength: number): Extension[] {
  const { keyCertSign, cRLSign } = library.KeyUsageFlags
  return [
    new library.BasicConstraintsExtension(true, pathLength, true),
    new library.KeyUsagesExtension(keyCertSign | cRLSign, true),
    new library.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${mesh}` }]),
  ]
}

function commonName(identity: Identity): string {
  switch (identity.kind) {
    case 'hub':
    case 'relay-hub':
      return identity.hub
    case 'identity':
      return identity.identity
    default:
      return identity.user
  }
}

function leafExtensions(library: X509Library, { identity, hosts }: LeafOrder): Extension[] {
  const { clientAuth, serverAuth } = library.ExtendedKeyUsage
  // A permit, or an identity's own, only ever asks a hub: nobody may be met by one.
  const isClientOnly = identity.kind === 'permit' || identity.kind === 'identity'
  const purposes: ExtendedKeyUsageType[] = isClientOnly ? [clientAuth] : [serverAuth, clientAuth]
  const names: JsonGeneralName[] = [{ type: 'url', value: formatSpiffeId(identity) }, ...hosts.map(hostName)]
  return [
    new library.BasicConstraintsExtension(false, undefined, true),
    new library.KeyUsagesExtension(library.KeyUsageFlags.digitalSignature, true),
    new library.ExtendedKeyUsageExtension(purposes),
    new library.SubjectAlternativeNameExtension(names),
  ]
}

function hostName(host: string): JsonGeneralName {
  if (IPV4.test(host)) return { type: 'ip', value: host }
  // The URL parser knows all ways to write an IPv6 address, and gives the one that the library knows.
  const url = host.includes(':') ? URL.parse(`http://[${host}]`) : null
  if (url !== null) return { type: 'ip', value: url.hostname.slice(1, -1) }
  if (HOST.test(host)) return { type: 'dns', value: host }
  throw new MeshError(
    'bad-input',
    `Cannot certify host ${JSON.stringify(host)}: write a host name or IP address`,
  )
}

function rootName(mesh: MeshId): JsonName {
  return [{ CN: [`ZTM mesh ${mesh}`] }]
}

function intermediateName(mesh: MeshId): JsonName {
  return [{ CN: [`ZTM issuer ${mesh}`] }]
}

/** SHA-256 of the point, cut to 160 bits. @see RFC 7093, section 2, method 1 */
function keyIdOf(spki: Buffer): string {
  const point = spki.subarray(P256_HEADER.length - 1)
  return createHash('sha256').update(point).digest('hex').slice(0, 40)
}

/** 16 bytes, positive and never shorter: 126 random bits. */
function randomSerial(): string {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40
  return serial.toString('hex')
}

/** Certificates begin this long before they are made, for computers whose clocks are behind. */
export const BACKDATE_MS = 300_000

const ECDSA = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/
const HOST = /^(?=.{1,253}$)(?!.*\.\d+$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/
