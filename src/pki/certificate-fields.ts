import { X509Certificate } from 'node:crypto'
import { MeshError } from '../core/model/errors.ts'
import { DER, type Element, readElements, readInside, readOnly, readSmallNumber, readTrue } from './der.ts'
import { readSpki } from './key-pair.ts'

/** What a certificate says, of what our checks look at. Read strictly by us, and readable for OpenSSL as well. */
export interface CertificateFields {
  /** The same certificate as OpenSSL reads it, for signatures and dates. */
  readonly x509: X509Certificate
  /** Lower-case hex. */
  readonly serial: string
  /** Names as DER; compared as bytes. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** SubjectPublicKeyInfo, P-256. */
  readonly spki: Buffer
  readonly notBeforeMs: number
  readonly notAfterMs: number
  readonly isCa: boolean
  /** How many certificates of a CA may follow; undefined where any number may. */
  readonly pathLength: number | undefined
  /** Bits of `KEY_USAGE`. */
  readonly keyUsage: number
  /** What it may be used for: names of `PURPOSES`, and `other`. */
  readonly purposes: readonly string[]
  readonly names: readonly AlternativeName[]
  readonly keyId: string | undefined
  readonly issuerKeyId: string | undefined
}

/** One subject alternative name; of an address only that it is one. */
export type AlternativeName =
  | { readonly kind: 'uri'; readonly value: string }
  | { readonly kind: 'dns' | 'ip' | 'other' }

/**
 * Read a certificate of ours: version 3, ECDSA P-256 with SHA-256, none of the extensions twice, no critical
 * extension that is unknown here.
 *
 * @param source  DER, or what Node made of it
 * @throws MeshError `bad-input` for any other
 * @see RFC 5280, section 4.1
 */
export function readCertificate(source: Buffer | X509Certificate): CertificateFields {
  const x509 = source instanceof X509Certificate ? source : parseByOpenssl(source)
  const [tbs, algorithm, , ...more] = readInside(x509.raw, DER.SEQUENCE)
  const parts = tbs === undefined ? [] : readInside(tbs.raw, DER.SEQUENCE)
  const [version, serial, innerAlgorithm, issuer, , subject, spki, extensions] = parts
  if (parts.length !== 8 || more.length > 0 || extensions === undefined || spki === undefined)
    throw strange('fields')
  if (version?.raw.equals(VERSION_3) !== true) throw strange('version')
  const isOurs =
    algorithm?.raw.equals(ECDSA_SHA256) === true && innerAlgorithm?.raw.equals(ECDSA_SHA256) === true
  if (!isOurs) throw strange('signature algorithm')
  if (serial?.tag !== DER.INTEGER || !isSerial(serial.content)) throw strange('serial number')
  readSpki(spki.raw)
  return {
    x509,
    serial: serial.content.toString('hex'),
    issuer: issuer?.raw ?? NOTHING,
    subject: subject?.raw ?? NOTHING,
    spki: spki.raw,
    notBeforeMs: x509.validFromDate.getTime(),
    notAfterMs: x509.validToDate.getTime(),
    ...readExtensions(extensions),
  }
}

function parseByOpenssl(der: Buffer): X509Certificate {
  try {
    const x509 = new X509Certificate(der)
    // OpenSSL reads the first certificate and leaves what follows it.
    if (x509.raw.equals(der)) return x509
  } catch (cause) {
    throw new MeshError('bad-input', 'Cannot read certificate: not one', { cause })
  }
  throw strange('length')
}

type Extensions = Omit<
  CertificateFields,
  'x509' | 'serial' | 'issuer' | 'subject' | 'spki' | 'notBeforeMs' | 'notAfterMs'
>

function readExtensions(wrapper: Element): Extensions {
  const [list] = readElements(readOnly(wrapper.raw, EXTENSIONS_TAG).content)
  const found = new Map<string, Buffer>()
  for (const { raw } of list === undefined ? [] : readInside(list.raw, DER.SEQUENCE)) {
    const { id, isCritical, value } = readExtension(raw)
    if (found.has(id) || (isCritical && !KNOWN.has(id))) throw strange('extensions')
    found.set(id, value)
  }
  const constraints = found.get(ID.basicConstraints)
  const keyUsage = found.get(ID.keyUsage)
  if (constraints === undefined || keyUsage === undefined) throw strange('extensions')
  return {
    ...readConstraints(constraints),
    keyUsage: readKeyUsage(keyUsage),
    purposes: optional(found.get(ID.extendedKeyUsage), readPurposes) ?? [],
    names: optional(found.get(ID.subjectAltName), readNames) ?? [],
    keyId: optional(found.get(ID.subjectKeyId), value =>
      readOnly(value, DER.OCTET_STRING).content.toString('hex'),
    ),
    issuerKeyId: optional(found.get(ID.authorityKeyId), readIssuerKeyId),
  }
}

function readExtension(raw: Buffer): { id: string; isCritical: boolean; value: Buffer } {
  const parts = readInside(raw, DER.SEQUENCE)
  const [id, value, critical] = [parts[0], parts.at(-1), parts.length === 3 ? parts[1] : undefined]
  const isWhole = parts.length === 2 || critical?.tag === DER.BOOLEAN
  if (id?.tag !== DER.OBJECT_ID || value?.tag !== DER.OCTET_STRING || !isWhole) throw strange('extensions')
  const isCritical = critical !== undefined && readTrue(critical.content)
  return { id: id.content.toString('hex'), isCritical, value: value.content }
}

function readConstraints(value: Buffer): { isCa: boolean; pathLength: number | undefined } {
  const [ca, length, ...more] = readInside(value, DER.SEQUENCE)
  if (ca === undefined) return { isCa: false, pathLength: undefined }
  const isWhole = ca.tag === DER.BOOLEAN && (length === undefined || length.tag === DER.INTEGER)
  if (!isWhole || more.length > 0) throw strange('basic constraints')
  return {
    isCa: readTrue(ca.content),
    pathLength: length === undefined ? undefined : readSmallNumber(length.content),
  }
}

function readKeyUsage(value: Buffer): number {
  const { content } = readOnly(value, DER.BIT_STRING)
  if (content.length !== 2) throw strange('key usage')
  return content[1] ?? 0
}

function readPurposes(value: Buffer): string[] {
  return readInside(value, DER.SEQUENCE).map(({ content }) => PURPOSES[content.toString('hex')] ?? 'other')
}

function readNames(value: Buffer): AlternativeName[] {
  return readInside(value, DER.SEQUENCE).map(({ tag, content }): AlternativeName => {
    // latin1 keeps every byte a character of its own, so nothing but the very bytes of a SPIFFE ID reads as one.
    if (tag === 0x86) return { kind: 'uri', value: content.toString('latin1') }
    return { kind: tag === 0x82 ? 'dns' : tag === 0x87 ? 'ip' : 'other' }
  })
}

function readIssuerKeyId(value: Buffer): string | undefined {
  const id = readInside(value, DER.SEQUENCE).find(({ tag }) => tag === 0x80)
  return id?.content.toString('hex')
}

function optional<T>(value: Buffer | undefined, read: (value: Buffer) => T): T | undefined {
  return value === undefined ? undefined : read(value)
}

function isSerial(content: Buffer): boolean {
  return content.length >= 1 && content.length <= 20 && (content[0] ?? 0x80) < 0x80
}

function strange(what: string): MeshError {
  return new MeshError('bad-input', `Cannot read certificate: ${what} not as ours are`)
}

/** ecdsa-with-SHA256 as an AlgorithmIdentifier (RFC 5758, section 3.2). */
export const ECDSA_SHA256 = Buffer.from('300a06082a8648ce3d040302', 'hex')
/** Bits of `keyUsage` (RFC 5280, section 4.2.1.3). */
export const KEY_USAGE = { DIGITAL_SIGNATURE: 0x80, KEY_CERT_SIGN: 0x04 } as const

const VERSION_3 = Buffer.from('a003020102', 'hex')
const EXTENSIONS_TAG = 0xa3
const NOTHING = Buffer.alloc(0)

// Object identifiers as DER content: 2.5.29.x, and 1.3.6.1.5.5.7.3.x.
const ID = {
  subjectKeyId: '551d0e',
  keyUsage: '551d0f',
  subjectAltName: '551d11',
  basicConstraints: '551d13',
  authorityKeyId: '551d23',
  extendedKeyUsage: '551d25',
} as const
const KNOWN: ReadonlySet<string> = new Set(Object.values(ID))
const PURPOSES: Readonly<Record<string, string>> = {
  '2b06010505070301': 'server',
  '2b06010505070302': 'client',
}
