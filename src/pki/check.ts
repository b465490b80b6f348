import type { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { MeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import { type Identity, parseSpiffeId } from '../core/model/spiffe-id.ts'
import { type CertificateFields, KEY_USAGE, readCertificate } from './certificate-fields.ts'
import { BACKDATE_MS } from './certificate-maker.ts'
import { formatPublicKey } from './key-pair.ts'
import { meshIdOfKey } from './mesh-id.ts'
import { readPem } from './pem.ts'

/** Against what a chain is checked. */
export interface CheckOptions {
  /** The mesh's root, one certificate. */
  readonly rootPem: string
  /** Ms since the epoch, by this computer's clock. */
  readonly now: number
  /** Which kinds will do; any if absent. */
  readonly expect?: readonly Identity['kind'][]
}

/** What a good chain says. */
export interface CheckedCertificate {
  readonly identity: Identity
  /** When it was made, to the second; evictions are judged by it. */
  readonly issuedAtMs: number
  readonly expiresAtMs: number
  readonly publicKeyPem: string
  /** Lower-case hex. */
  readonly serial: string
}

/**
 * Check a chain as a hub or endpoint shows it: leaf, then the intermediate that signed it, nothing else.
 *
 * Both signatures, all names, flags and purposes are looked at here; the result means that the mesh's authority
 * made this certificate for this identity, and that it is valid now. It says nothing of evictions.
 *
 * @param chainPem  at most 16 KiB
 * @throws MeshError `not-trusted`, `certificate-expired`
 */
export function checkChain(chainPem: string, options: CheckOptions): CheckedCertificate {
  if (chainPem.length > MAX_CHAIN_LENGTH) {
    throw untrusted(`a chain of ${chainPem.length} characters: at most ${MAX_CHAIN_LENGTH}`)
  }
  const [leaf, intermediate, ...more] = reading(() => readPem(chainPem, 'CERTIFICATE'))
  if (leaf === undefined || intermediate === undefined || more.length > 0) {
    throw untrusted('the chain is not a certificate and its intermediate')
  }
  return checkPair(leaf, intermediate, options)
}

/**
 * Who is at the other end of a finished handshake that was made with `rejectUnauthorized: false` and `rootPem` as the
 * only `ca`.
 *
 * OpenSSL must find the chain good, and so must we, by the rules of `checkChain`. Of dates we alone judge, by
 * `options.now`.
 *
 * Call it before anything else asks the socket for a certificate: on a client, `getPeerX509Certificate` takes the
 * chain away, and this then finds none.
 *
 * @returns undefined where the other side showed no certificate
 * @throws MeshError `not-trusted`, `certificate-expired`
 */
export function tlsIdentity(socket: TLSSocket, options: CheckOptions): CheckedCertificate | undefined {
  const shown = socket.getPeerCertificate(true)
  // An empty object, whatever its type says.
  if (shown?.raw === undefined) return undefined
  const code = verdictOf(socket)
  if (code !== undefined && !DATE_VERDICTS.has(code)) {
    throw untrusted(VERDICTS[code] ?? `its chain is not good (${code})`)
  }
  const intermediate = shown.issuerCertificate?.raw
  if (intermediate !== undefined) return checkPair(shown.raw, intermediate, options)
  if (code !== undefined) throw untrusted('it came without its intermediate')
  // On a server, Node 24.21 uses up a chain that OpenSSL found good: https://github.com/nodejs/node/issues/65579. The
  // leaf remains to be judged by us. Drop these lines when the pinned Node gives the chain again.
  return checkLeaf(
    reading(() => readCertificate(shown.raw)),
    readRootPem(options.rootPem),
    options,
  )
}

/**
 * Who a leaf certificate speaks for, by its one URI name; only a hub's has host names and addresses beside it. Whether
 * it speaks the truth is for `checkChain`.
 *
 * @throws MeshError `not-trusted` for any other set of names
 */
export function readIdentity(certificate: X509Certificate): Identity {
  return identityOf(reading(() => readCertificate(certificate)))
}

/**
 * The id of the mesh that a root certificate founds.
 *
 * @throws MeshError `not-trusted` unless it is one certificate of an authority, signed by itself
 */
export function meshIdOf(rootPem: string): MeshId {
  const root = readRootPem(rootPem)
  if (!root.x509.verify(root.x509.publicKey)) throw untrusted('the root is not signed by itself')
  return meshIdOfKey(root.spki)
}

/**
 * Check that a root certificate which came over an open wire is that of the mesh: the id is the hash of its key.
 *
 * @throws MeshError `not-trusted`
 */
export function checkRootForMesh(rootPem: string, mesh: MeshId): void {
  const found = meshIdOf(rootPem)
  if (found !== mesh) throw untrusted(`the root is of mesh ${found}, wanted ${mesh}`)
}

/**
 * @param action  begins the message, as in `Cannot trust certificate`
 * @throws MeshError `certificate-expired` naming the certificate's time and this computer's
 */
export function expectValidAt(
  { notBeforeMs, notAfterMs }: CertificateFields,
  now: number,
  action: string,
): void {
  // Written so that a date which is none fails.
  if (notBeforeMs <= now && now <= notAfterMs) return
  const clock = `this computer's clock says ${formatTime(now)}`
  const state =
    now < notBeforeMs
      ? `it begins ${formatTime(notBeforeMs)}, ${clock}: set the clock if that is wrong`
      : `it ended ${formatTime(notAfterMs)}, ${clock}: renew it, or set the clock if that is wrong`
  throw new MeshError('certificate-expired', `${action}: ${state}`)
}

function checkPair(leafDer: Buffer, intermediateDer: Buffer, options: CheckOptions): CheckedCertificate {
  const root = readRootPem(options.rootPem)
  const [leaf, intermediate] = reading(() => [readCertificate(leafDer), readCertificate(intermediateDer)])
  if (!isAuthority(intermediate) || intermediate.pathLength !== 0) {
    throw untrusted('its intermediate may not sign certificates')
  }
  checkIssued(intermediate, root)
  checkIssued(leaf, intermediate)
  const checked = checkLeaf(leaf, root, options)
  expectValidAt(intermediate, options.now, 'Cannot trust certificate')
  return checked
}

/** What a leaf says, whose signature was looked at already. */
function checkLeaf(
  leaf: CertificateFields,
  root: CertificateFields,
  { now, expect }: CheckOptions,
): CheckedCertificate {
  const identity = identityOf(leaf)
  checkUse(leaf, identity)
  if (identity.mesh !== meshIdOfKey(root.spki)) throw untrusted('it names another mesh')
  for (const fields of [leaf, root]) expectValidAt(fields, now, 'Cannot trust certificate')
  if (expect?.includes(identity.kind) === false) {
    throw untrusted(`it is of kind ${identity.kind}, wanted ${expect.join(' or ')}`)
  }
  return {
    identity,
    issuedAtMs: leaf.notBeforeMs + BACKDATE_MS,
    expiresAtMs: leaf.notAfterMs,
    publicKeyPem: formatPublicKey(leaf.spki),
    serial: leaf.serial,
  }
}

function readRootPem(rootPem: string): CertificateFields {
  if (rootPem.length > MAX_CHAIN_LENGTH) throw untrusted('the root is no certificate')
  const [der, ...more] = reading(() => readPem(rootPem, 'CERTIFICATE'))
  if (der === undefined || more.length > 0) throw untrusted('the root is not one certificate')
  const root = reading(() => readCertificate(der))
  const mayHaveIntermediate = root.pathLength === undefined || root.pathLength >= 1
  if (!isAuthority(root) || !mayHaveIntermediate || !root.issuer.equals(root.subject)) {
    throw untrusted('the root is not that of an authority')
  }
  return root
}

function isAuthority({ isCa, keyUsage }: CertificateFields): boolean {
  return isCa && (keyUsage & KEY_USAGE.KEY_CERT_SIGN) !== 0
}

function checkIssued(certificate: CertificateFields, issuer: CertificateFields): void {
  const isNamed = certificate.issuer.equals(issuer.subject) && certificate.issuerKeyId === issuer.keyId
  // Names may be copied, a signature may not.
  if (!isNamed || !certificate.x509.verify(issuer.x509.publicKey)) {
    throw untrusted('it was not issued by this mesh')
  }
}

/** A leaf signs handshakes, and may be used as its kind is: a permit, or an identity before it has a session, never serves. */
function checkUse({ isCa, keyUsage, purposes }: CertificateFields, { kind }: Identity): void {
  const wanted = kind === 'permit' || kind === 'identity' ? 'client' : 'client,server'
  const isLeaf = !isCa && keyUsage === KEY_USAGE.DIGITAL_SIGNATURE
  if (!isLeaf || [...purposes].sort().join() !== wanted)
    throw untrusted(`it may not be used as that of kind ${kind}`)
}

function identityOf({ names }: CertificateFields): Identity {
  const [uri, ...moreUris] = names.filter(name => name.kind === 'uri')
  if (uri === undefined || moreUris.length > 0) throw untrusted('it does not name exactly one identity')
  const identity = parseSpiffeId(uri.value)
  const hasHosts = names.some(({ kind }) => kind === 'dns' || kind === 'ip')
  const isStrange = names.some(({ kind }) => kind === 'other') || (hasHosts && identity.kind !== 'hub')
  if (isStrange) throw untrusted(`it has more names than one of kind ${identity.kind} may`)
  return identity
}

function verdictOf(socket: TLSSocket): string | undefined {
  if (socket.authorized) return undefined
  // Typed as an Error; on both sides it is the code, as text.
  const error: unknown = socket.authorizationError
  if (typeof error === 'string') return error
  return (error as { code?: string } | null | undefined)?.code ?? 'unknown'
}

/** What is no certificate of ours is not trusted; why it cannot be read is the cause. */
function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new MeshError('not-trusted', `Cannot trust certificate: ${textOf(cause)}`, { cause })
  }
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

function untrusted(state: string): MeshError {
  return new MeshError('not-trusted', `Cannot trust certificate: ${state}`)
}

function formatTime(timeMs: number): string {
  const date = new Date(timeMs)
  return Number.isNaN(date.getTime()) ? 'no time' : date.toISOString()
}

/** The longest chain or root that is looked at; ours have about 1,700 characters. */
export const MAX_CHAIN_LENGTH = 16_384

// OpenSSL's verdicts (X509_V_ERR_…) by Node's names: what they come from here.
const DATE_VERDICTS: ReadonlySet<string> = new Set(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'])
const FOREIGN = 'it is not of this mesh'
const VERDICTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'it is signed by itself',
  SELF_SIGNED_CERT_IN_CHAIN: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT: FOREIGN,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: FOREIGN,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: FOREIGN,
  CERT_SIGNATURE_FAILURE: 'it was changed after it was signed',
  INVALID_PURPOSE: 'it is of the wrong role',
  INVALID_CA: 'its intermediate may not sign certificates',
}
