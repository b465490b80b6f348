import { createHash, createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { MeshError } from '../core/model/errors.ts'
import { formatPem, readPem } from './pem.ts'

/** An ECDSA P-256 key pair, made where it is used. */
export interface KeyPair {
  /** PKCS #8. Secret: never logged, never sent; one thing alone may hold it in a file, mode 0600. */
  readonly privateKeyPem: string
  /** SubjectPublicKeyInfo. */
  readonly publicKeyPem: string
}

/** Make a key pair. */
export async function createKeyPair(): Promise<KeyPair> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { privateKeyPem: privateKey, publicKeyPem: publicKey }
}

/**
 * Both halves of a private key.
 *
 * @throws MeshError `bad-input` unless it is a P-256 key in PKCS #8 PEM
 */
export function keyPairOf(privateKeyPem: string): KeyPair {
  try {
    const key = createPrivateKey(privateKeyPem)
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
    readSpki(spki)
    return {
      privateKeyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      publicKeyPem: formatPem(spki, LABEL),
    }
  } catch {
    // Without the cause: OpenSSL's errors may quote what they could not read.
    throw new MeshError('bad-input', 'Cannot read private key: not a P-256 key in PEM (PKCS #8)')
  }
}

/**
 * SHA-256 of the public key's SubjectPublicKeyInfo, base64url: 43 characters that stand for the key in records,
 * whatever certificates it was given.
 *
 * @param publicKey  PEM, or the SubjectPublicKeyInfo as DER
 * @throws MeshError `bad-input` unless it is a P-256 public key
 */
export function keyFingerprint(publicKey: string | Buffer): string {
  const spki = typeof publicKey === 'string' ? readPublicKeyPem(publicKey) : publicKey
  readSpki(spki)
  return createHash('sha256').update(spki).digest('base64url')
}

/**
 * The SubjectPublicKeyInfo in PEM text.
 *
 * @throws MeshError `bad-input` unless it is one P-256 public key
 */
export function readPublicKeyPem(publicKeyPem: string): Buffer {
  const [spki, ...rest] = publicKeyPem.length > MAX_KEY_LENGTH ? [] : readPem(publicKeyPem, LABEL)
  if (spki === undefined || rest.length > 0)
    throw new MeshError('bad-input', `Cannot read public key: ${WANTED}`)
  readSpki(spki)
  return spki
}

/**
 * A public key from its SubjectPublicKeyInfo, which has one form only for a P-256 key: named curve, point not
 * compressed. OpenSSL checks that the point is on the curve.
 *
 * @throws MeshError `bad-input` for any other key
 */
export function readSpki(spki: Buffer): KeyObject {
  if (spki.length !== SPKI_BYTES || !spki.subarray(0, P256_HEADER.length).equals(P256_HEADER)) {
    throw new MeshError('bad-input', `Cannot use public key: ${WANTED}`)
  }
  try {
    return createPublicKey({ key: spki, type: 'spki', format: 'der' })
  } catch (cause) {
    throw new MeshError('bad-input', 'Cannot use public key: not a point of P-256', { cause })
  }
}

/** A public key as PEM. */
export function formatPublicKey(spki: Buffer): string {
  return formatPem(spki, LABEL)
}

/** Bytes of a SubjectPublicKeyInfo before the two coordinates (RFC 5480, section 2): id-ecPublicKey, prime256v1. */
export const P256_HEADER = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex')
const SPKI_BYTES = P256_HEADER.length + 64

const LABEL = 'PUBLIC KEY'
const MAX_KEY_LENGTH = 1_024
const WANTED = 'not an ECDSA P-256 key: make one with `openssl ecparam -name prime256v1 -genkey`'
