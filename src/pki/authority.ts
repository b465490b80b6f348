import { MeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { Identity } from '../core/model/spiffe-id.ts'
import type { CertificateFields } from './certificate-fields.ts'
import {
  makeIntermediateCertificate,
  makeLeafCertificate,
  readSigner,
  type Signer,
  wholeSecond,
} from './certificate-maker.ts'
import { expectValidAt } from './check.ts'
import { createKeyPair, keyPairOf, readPublicKeyPem } from './key-pair.ts'
import { AUTHORITY_FILES, openRoot, type Root, readRootKey } from './root.ts'
import type { SecretFolder } from './secret-folder.ts'

/** Where an authority lives and how long what it makes is good. */
export interface AuthorityOptions {
  /** Kept by one process alone: see the lock of the store. */
  readonly folder: SecretFolder
  /** Ms since the epoch. */
  readonly now: number
  /** Hears of a new root or intermediate, and of one that could not be made. */
  readonly log?: Log
  /** Life of an intermediate; default 365 days, of which it serves two thirds. */
  readonly intermediateValidMs?: number
}

/** A certificate that is wanted. */
export interface CertificateOrder {
  readonly identity: Identity
  /** P-256, proven to be the caller's: see `openSigningRequest`. */
  readonly publicKeyPem: string
  /** From 1 s; cut to what the root has left. */
  readonly validMs: number
  /** Host names and IP addresses of a hub, without ports. */
  readonly hosts?: readonly string[]
}

/** A certificate that was made. */
export interface IssuedCertificate {
  /** Leaf, then intermediate. */
  readonly chainPem: string
  readonly expiresAtMs: number
  /** 32 digits of lower-case hex. */
  readonly serial: string
}

/** The certificate authority of one mesh. */
export interface Authority {
  readonly mesh: MeshId
  readonly rootCertificatePem: string
  /**
   * Make a certificate. Who may have it was decided before: an authority refuses only what is no order.
   *
   * @param now  ms since the epoch; the certificate counts as made at that whole second
   * @throws MeshError `bad-input` for a key, host or span that is none, or an identity of another mesh;
   *   `certificate-expired` if the root is not valid at `now`; `storage-failed`, `storage-full` where a new
   *   intermediate is due and cannot be kept
   */
  issue(order: CertificateOrder, now: number): Promise<IssuedCertificate>
}

/**
 * Open the authority of a folder, or found one where the folder is empty.
 *
 * The folder keeps three files. `mesh-root-key.pem` is written first and makes the mesh: its id is the key's hash. All else
 * follows from it and is made again when it is missing, so a crash between any two writes loses nothing. A root
 * key that is damaged, or gone while its certificate is there, is never replaced: that would be another mesh.
 * The root key is read when an intermediate is made and not kept in memory.
 *
 * @throws MeshError `storage-failed` if the folder's files are damaged or do not belong together;
 *   `certificate-expired` if the root is not valid at `now`; or as the folder throws
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { folder, now, log } = options
  const root = await openRoot(folder, now, log)
  expectValidAt(root.fields, now, 'Cannot open authority')
  const validMs = options.intermediateValidMs ?? INTERMEDIATE_VALID_MS
  let current = await readIntermediate(folder, root)
  let renewal: Promise<Intermediate> | undefined

  async function renew(at: number): Promise<Intermediate> {
    const made = await makeIntermediate(root, await readRootKey(folder, root), at, at + validMs)
    await folder.writeSecret(AUTHORITY_FILES.intermediate, `${made.certificatePem}${made.privateKeyPem}`)
    log?.info('intermediate.made', { expiresAt: new Date(made.fields.notAfterMs).toISOString() })
    return made
  }

  async function intermediateFor(at: number): Promise<Intermediate> {
    if (current !== undefined && !isDue(current.fields, at)) return current
    // One for all who ask at once.
    renewal ??= renew(at).finally(() => {
      renewal = undefined
    })
    try {
      current = await renewal
    } catch (error) {
      if (current === undefined || !isValidAt(current.fields, at)) throw error
      log?.error('intermediate.not-made', { reason: error instanceof Error ? error.message : undefined })
    }
    return current
  }

  await intermediateFor(now)
  return {
    mesh: root.mesh,
    rootCertificatePem: root.certificatePem,
    async issue(order, at) {
      checkOrder(order, root.mesh)
      expectValidAt(root.fields, at, 'Cannot issue certificate')
      const endsAtMs = Math.min(at + order.validMs, root.fields.notAfterMs)
      const own = await intermediateFor(at)
      // A leaf that is to outlive the intermediate gets one of its own, whose key is forgotten with this call.
      const signer =
        endsAtMs <= own.fields.notAfterMs
          ? own
          : await makeIntermediate(root, await readRootKey(folder, root), at, endsAtMs)
      return issueLeaf(signer, order, { madeAtMs: at, endsAtMs })
    },
  }
}

interface Intermediate extends Signer {
  readonly fields: CertificateFields
}

async function issueLeaf(
  signer: Intermediate,
  { identity, publicKeyPem, hosts = [] }: CertificateOrder,
  validity: { madeAtMs: number; endsAtMs: number },
): Promise<IssuedCertificate> {
  const leafPem = await makeLeafCertificate(signer, { identity, publicKeyPem, hosts }, validity)
  return {
    chainPem: `${leafPem}${signer.certificatePem}`,
    expiresAtMs: wholeSecond(validity.endsAtMs),
    serial: readSigner(leafPem).serial,
  }
}

function checkOrder({ identity, validMs, hosts = [] }: CertificateOrder, mesh: MeshId): void {
  if (identity.mesh !== mesh) {
    throw new MeshError(
      'bad-input',
      `Cannot issue certificate: identity of mesh ${identity.mesh}, this is ${mesh}`,
    )
  }
  if (!Number.isFinite(validMs) || validMs < 1_000) {
    throw new MeshError('bad-input', `Cannot issue certificate: validity of ${validMs} ms: at least 1000`)
  }
  if (hosts.length > 0 && identity.kind !== 'hub') {
    throw new MeshError(
      'bad-input',
      `Cannot issue certificate: hosts are for hubs, this is for a ${identity.kind}`,
    )
  }
}

/** The intermediate on file; undefined where it is missing or damaged, for it can be made again. */
async function readIntermediate(folder: SecretFolder, root: Root): Promise<Intermediate | undefined> {
  const text = await folder.readSecret(AUTHORITY_FILES.intermediate)
  const split = text?.indexOf('-----BEGIN PRIVATE KEY-----') ?? -1
  if (text === undefined || split < 0) return undefined
  try {
    const certificatePem = text.slice(0, split)
    const fields = readSigner(certificatePem)
    const { privateKeyPem, publicKeyPem } = keyPairOf(text.slice(split))
    const isWhole = readPublicKeyPem(publicKeyPem).equals(fields.spki)
    if (!isWhole || !fields.x509.verify(root.fields.x509.publicKey)) return undefined
    return { mesh: root.mesh, certificatePem, privateKeyPem, fields }
  } catch {
    return undefined
  }
}

async function makeIntermediate(
  root: Root,
  signer: Signer,
  madeAtMs: number,
  endsAtMs: number,
): Promise<Intermediate> {
  const { privateKeyPem, publicKeyPem } = await createKeyPair()
  const validity = { madeAtMs, endsAtMs: Math.min(endsAtMs, root.fields.notAfterMs) }
  const certificatePem = await makeIntermediateCertificate(signer, publicKeyPem, validity)
  return { mesh: root.mesh, certificatePem, privateKeyPem, fields: readSigner(certificatePem) }
}

/** Less than a third of its life is left, or it was made by a clock that was ahead. */
function isDue({ notBeforeMs, notAfterMs }: CertificateFields, at: number): boolean {
  return at < notBeforeMs || notAfterMs - at < (notAfterMs - notBeforeMs) / 3
}

function isValidAt({ notBeforeMs, notAfterMs }: CertificateFields, at: number): boolean {
  return notBeforeMs <= at && at <= notAfterMs
}

const INTERMEDIATE_VALID_MS = 365 * 86_400_000
