import { MeshError } from '../core/model/errors.ts'
import type { MeshId } from '../core/model/ids.ts'
import type { Log } from '../core/model/log.ts'
import type { CertificateFields } from './certificate-fields.ts'
import { makeRootCertificate, readSigner, type Signer } from './certificate-maker.ts'
import { createKeyPair, type KeyPair, keyPairOf, readPublicKeyPem } from './key-pair.ts'
import { meshIdOfKey } from './mesh-id.ts'
import type { SecretFolder } from './secret-folder.ts'

/** The root of a mesh: its key makes the id, its certificate is what members are given. */
export interface Root {
  readonly mesh: MeshId
  readonly certificatePem: string
  readonly fields: CertificateFields
}

/**
 * The root of a folder, or a new one where the folder has nothing of an authority.
 *
 * @throws MeshError `storage-failed` for files that are damaged or do not belong together, or as the folder throws
 */
export async function openRoot(folder: SecretFolder, now: number, log?: Log): Promise<Root> {
  const keyText = await folder.readSecret(AUTHORITY_FILES.rootKey)
  const certificateText = await folder.readSecret(AUTHORITY_FILES.root)
  if (keyText !== undefined) return openRootByKey(readKey(keyText), certificateText, folder, now)
  // Without its key a root serves until the next intermediate is due: the key may be kept elsewhere meanwhile.
  const root = certificateText === undefined ? undefined : readRoot(certificateText)
  if (root !== undefined) return root
  const hasMesh =
    certificateText !== undefined || (await folder.readSecret(AUTHORITY_FILES.intermediate)) !== undefined
  if (hasMesh) throw damaged(`${AUTHORITY_FILES.rootKey} is gone`)
  const key = await createKeyPair()
  await folder.writeSecret(AUTHORITY_FILES.rootKey, key.privateKeyPem)
  log?.info('mesh.founded', { mesh: meshIdOfKey(readPublicKeyPem(key.publicKeyPem)) })
  return openRootByKey(key, undefined, folder, now)
}

async function openRootByKey(
  key: KeyPair,
  certificateText: string | undefined,
  folder: SecretFolder,
  now: number,
): Promise<Root> {
  const spki = readPublicKeyPem(key.publicKeyPem)
  const mesh = meshIdOfKey(spki)
  const root = certificateText === undefined ? undefined : readRoot(certificateText)
  if (root !== undefined) {
    if (root.mesh === mesh) return root
    throw damaged(`${AUTHORITY_FILES.root} is of mesh ${root.mesh}, ${AUTHORITY_FILES.rootKey} of ${mesh}`)
  }
  // A certificate made again is as good as the first: members check names, key ids and the key itself.
  const validity = { madeAtMs: now, endsAtMs: now + ROOT_VALID_MS }
  const certificatePem = await makeRootCertificate({ mesh, privateKeyPem: key.privateKeyPem }, spki, validity)
  await folder.writeSecret(AUTHORITY_FILES.root, certificatePem)
  return { mesh, certificatePem, fields: readSigner(certificatePem) }
}

/** @returns undefined for text that is no certificate */
function readRoot(certificatePem: string): Root | undefined {
  try {
    const fields = readSigner(certificatePem)
    return { mesh: meshIdOfKey(fields.spki), certificatePem, fields }
  } catch {
    return undefined
  }
}

/** The root with its key, to sign an intermediate. @throws MeshError `storage-failed` if the key is not there */
export async function readRootKey(folder: SecretFolder, root: Root): Promise<Signer> {
  const text = await folder.readSecret(AUTHORITY_FILES.rootKey)
  if (text === undefined) throw damaged(`${AUTHORITY_FILES.rootKey} is gone, and a new intermediate is due`)
  const { mesh, certificatePem } = root
  return { mesh, certificatePem, privateKeyPem: readKey(text).privateKeyPem }
}

function readKey(text: string): KeyPair {
  try {
    return keyPairOf(text)
  } catch (cause) {
    throw damaged(`${AUTHORITY_FILES.rootKey} holds no key`, cause)
  }
}

function damaged(state: string, cause?: unknown): MeshError {
  return new MeshError('storage-failed', `Cannot open authority: ${state}: restore the folder from a copy`, {
    cause,
  })
}

/** What the folder of an authority keeps. */
export const AUTHORITY_FILES = {
  rootKey: 'mesh-root-key.pem',
  root: 'mesh-root.pem',
  /** Certificate and key in one file, so that they are always a pair. */
  intermediate: 'mesh-intermediate.pem',
} as const

/** Ten years. */
const ROOT_VALID_MS = 3_652 * 86_400_000
