import { createHash } from 'node:crypto'
import { type MeshId, parseMeshId } from '../core/model/ids.ts'

/**
 * The id of the mesh whose root key this is: the first 26 characters (130 bits) of the lower-case base32 of SHA-256
 * over the SubjectPublicKeyInfo, so that no other authority can speak for it.
 *
 * @see RFC 4648, section 6, for the alphabet
 */
export function meshIdOfKey(spki: Buffer): MeshId {
  const digest = createHash('sha256').update(spki).digest()
  let bits = BigInt(`0x${digest.toString('hex')}`) >> BigInt(256 - 5 * ID_LENGTH)
  let id = ''
  for (let i = 0; i < ID_LENGTH; i++) {
    id = `${BASE32.charAt(Number(bits & 31n))}${id}`
    bits >>= 5n
  }
  return parseMeshId(id)
}

const ID_LENGTH = 26
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
