import { MeshError } from '../core/model/errors.ts'
import { createKeyPair, type KeyPair, keyPairOf } from './key-pair.ts'
import type { SecretFolder } from './secret-folder.ts'

/**
 * The key pair of this computer, made and kept at the first call. It never leaves the folder.
 *
 * A damaged file is never replaced: certificates and invitations may be bound to the key that was in it.
 *
 * @throws MeshError `storage-failed` if the file holds no key, or as the folder throws
 */
export async function openDeviceKey(folder: SecretFolder): Promise<KeyPair> {
  const text = await folder.readSecret(FILE)
  if (text === undefined) {
    const keyPair = await createKeyPair()
    await folder.writeSecret(FILE, keyPair.privateKeyPem)
    return keyPair
  }
  try {
    return keyPairOf(text)
  } catch (cause) {
    const help = 'restore it from a copy, or remove it and join again'
    throw new MeshError('storage-failed', `Cannot open the device's key: ${FILE} is damaged: ${help}`, {
      cause,
    })
  }
}

const FILE = 'device-key.pem'
