import { verify } from 'node:crypto'
import { MeshError } from '../core/model/errors.ts'
import { ECDSA_SHA256 } from './certificate-fields.ts'
import { signingKeyOf } from './certificate-maker.ts'
import { DER, readInside, readWholeBits } from './der.ts'
import { formatPublicKey, type KeyPair, readPublicKeyPem, readSpki } from './key-pair.ts'
import { readPem } from './pem.ts'
import { loadX509 } from './x509-library.ts'

/**
 * Ask for a certificate for a key, and prove to have it. The request names nobody: who the certificate is for, the
 * controller decides by who asks.
 *
 * @returns PKCS #10, PEM
 */
export async function createSigningRequest({ privateKeyPem, publicKeyPem }: KeyPair): Promise<string> {
  const library = await loadX509()
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const publicKey = readSpki(readPublicKeyPem(publicKeyPem)).toCryptoKey(algorithm, true, ['verify'])
  const request = await library.Pkcs10CertificateRequestGenerator.create({
    keys: { privateKey: signingKeyOf(privateKeyPem), publicKey },
    signingAlgorithm: algorithm,
  })
  return `${request.toString('pem')}\n`
}

/**
 * The key that a signing request proves to have. Subject, attributes and extensions are not even parsed: what a
 * certificate says is not for its holder to choose.
 *
 * @param requestPem  at most 8 KiB
 * @throws MeshError `bad-input` for anything but a P-256 key with a good signature (ECDSA with SHA-256) by it
 * @see RFC 2986, section 4
 */
export async function openSigningRequest(requestPem: string): Promise<{ publicKeyPem: string }> {
  if (requestPem.length > MAX_REQUEST_LENGTH) {
    throw badRequest(`${requestPem.length} characters: at most ${MAX_REQUEST_LENGTH}`)
  }
  try {
    const [request, ...more] = readPem(requestPem, 'CERTIFICATE REQUEST')
    if (request === undefined || more.length > 0) throw badRequest('not just one')
    return { publicKeyPem: formatPublicKey(readProvenKey(request)) }
  } catch (error) {
    throw error instanceof MeshError ? error : badRequest('malformed', error)
  }
}

/** @returns the SubjectPublicKeyInfo */
function readProvenKey(request: Buffer): Buffer {
  const [info, algorithm, signature, ...more] = readInside(request, DER.SEQUENCE)
  if (info === undefined || signature?.tag !== DER.BIT_STRING || more.length > 0)
    throw badRequest('malformed')
  const [version, , spki] = readInside(info.raw, DER.SEQUENCE)
  if (version?.raw.equals(VERSION_1) !== true || spki === undefined) throw badRequest('malformed')
  if (algorithm?.raw.equals(ECDSA_SHA256) !== true) throw badRequest('not signed with ECDSA and SHA-256')
  const key = readSpki(spki.raw)
  if (!verify('sha256', info.raw, key, readWholeBits(signature.content))) {
    throw badRequest('not signed by the key it is for')
  }
  return spki.raw
}

function badRequest(state: string, cause?: unknown): MeshError {
  return new MeshError('bad-input', `Cannot read signing request: ${state}`, { cause })
}

const VERSION_1 = Buffer.from('020100', 'hex')
const MAX_REQUEST_LENGTH = 8_192
