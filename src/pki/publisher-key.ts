import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import type { Manifest } from '../core/app/manifest.ts'
import { manifestOf, type Release, type ReleaseBody, signedText } from '../core/app/release.ts'
import { MeshError } from '../core/model/errors.ts'
import type { SecretFolder } from './secret-folder.ts'

/** The key by which a publisher signs releases: Ed25519. One per state folder; a publisher with two computers copies it. */
export interface PublisherKey {
  /** PKCS #8. Secret. */
  readonly privateKeyPem: string
  /** 32 bytes, base64url: how releases and installers name it. */
  readonly publicKey: string
  sign(body: ReleaseBody): Release
}

/**
 * The publisher's key of a state folder, made and kept at the first call.
 *
 * @throws MeshError `storage-failed` if the file holds no key: it is never replaced, as installers know its other half; or as
 *   the folder throws
 */
export async function openPublisherKey(folder: SecretFolder): Promise<PublisherKey> {
  const known = await findPublisherKey(folder)
  if (known !== undefined) return known
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  await folder.writeSecret(FILE, pem)
  return readPublisherKey(pem)
}

/** The key of a folder, if there is one. @throws MeshError as `openPublisherKey` */
export async function findPublisherKey(folder: SecretFolder): Promise<PublisherKey | undefined> {
  const pem = await folder.readSecret(FILE)
  if (pem === undefined) return undefined
  try {
    return readPublisherKey(pem)
  } catch (cause) {
    const help = 'restore it from a copy, or from another computer with `ztm publisher export`'
    throw new MeshError('storage-failed', `Cannot open publisher's key: ${FILE} is damaged: ${help}`, {
      cause,
    })
  }
}

/**
 * Keep a key that was exported elsewhere.
 *
 * @param isReplacing  also where there is another one, which is then gone
 * @throws MeshError `bad-input`, `conflict` if there is another, or as the folder throws
 */
export async function importPublisherKey(
  folder: SecretFolder,
  pem: string,
  isReplacing: boolean,
): Promise<PublisherKey> {
  const key = readPublisherKey(pem)
  const known = await folder.readSecret(FILE)
  if (known !== undefined && known.trim() !== key.privateKeyPem.trim() && !isReplacing)
    throw new MeshError(
      'conflict',
      "Cannot import key: this computer has a publisher's key of its own: export it first, then use --replace",
    )
  await folder.writeSecret(FILE, key.privateKeyPem)
  return key
}

/** Read a private key. @throws MeshError `bad-input` unless it is an Ed25519 key in PKCS #8 PEM */
export function readPublisherKey(pem: string): PublisherKey {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(pem)
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new TypeError('another kind of key')
  } catch {
    // Without the cause: OpenSSL's errors may quote what they could not read.
    throw new MeshError('bad-input', "Cannot read publisher's key: not an Ed25519 key in PEM (PKCS #8)")
  }
  const publicKey = createPublicKey(privateKey)
    .export({ type: 'spki', format: 'der' })
    .subarray(ED25519_HEADER.length)
    .toString('base64url')
  return {
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey,
    sign: body => ({
      ...body,
      publicKey,
      signature: sign(null, Buffer.from(signedText(body)), privateKey).toString('base64url'),
    }),
  }
}

/**
 * Check that a release is what the owner of its key signed, and that what it shows of itself can be read.
 *
 * @returns what it shows
 * @throws MeshError `not-trusted`; those of `manifestOf`
 */
export function verifyRelease(release: Release): Manifest {
  const { publicKey, signature, ...body } = release
  const spki = Buffer.concat([ED25519_HEADER, Buffer.from(publicKey, 'base64url')])
  let isGood = false
  try {
    const key = createPublicKey({ key: spki, type: 'spki', format: 'der' })
    isGood = verify(null, Buffer.from(signedText(body)), key, Buffer.from(signature, 'base64url'))
  } catch {
    // A key that is no point of the curve signs nothing.
  }
  if (isGood) return manifestOf(release)
  const { provider, name, version } = release
  throw new MeshError(
    'not-trusted',
    `Cannot trust ${provider}/${name} ${version}: its signature is not that of its publisher's key`,
  )
}

/** Bytes of a SubjectPublicKeyInfo before the key (RFC 8410, section 4). */
const ED25519_HEADER = Buffer.from('302a300506032b6570032100', 'hex')
const FILE = 'publisher-key.pem'
