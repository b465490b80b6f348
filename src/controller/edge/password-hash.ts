// As a whole: a Node without Argon2 would refuse to start at its name.
import crypto, { randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { MeshError } from '../../core/model/errors.ts'

/**
 * Hash a password to be stored: Argon2id, at OWASP's cost for logins (19 MiB, two passes).
 *
 * It takes some 40 ms of a core, away from the event loop: callers bound how many they run at once.
 *
 * @returns a PHC string: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>`
 * @throws MeshError `unsupported` on a Node older than 24.7
 * @see RFC 9106; docs/decisions/0029-password-hashing.md
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES)
  const hash = await derive(password, salt, COST)
  const { memoryKib, passes, lanes } = COST
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${base64(salt)}$${base64(hash)}`
}

/**
 * Whether a password is the one that was hashed. Takes as long for a wrong one, and where there is no hash to compare with.
 *
 * @param stored  a PHC string; undefined where there is no such user
 * @throws MeshError `storage-failed` for a stored text that is no hash of ours, `unsupported`
 */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const { cost, salt, hash } = stored === undefined ? NOBODY : parseHash(stored)
  const found = await derive(password, salt, cost, hash.length)
  return timingSafeEqual(found, hash) && stored !== undefined
}

interface Cost {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
}

function derive(password: string, nonce: Buffer, cost: Cost, tagLength = HASH_BYTES): Promise<Buffer> {
  // Its type says that it is always there.
  const argon2 = crypto.argon2 as typeof crypto.argon2 | undefined
  if (argon2 === undefined) {
    throw new MeshError(
      'unsupported',
      'Cannot hash password: this Node has no Argon2: 24.7 or newer is needed',
    )
  }
  // One password, however its letters are composed (RFC 8265, section 4.2.2).
  const message = password.normalize('NFC')
  const { memoryKib: memory, passes, lanes: parallelism } = cost
  return promisify(argon2)('argon2id', { message, nonce, memory, passes, parallelism, tagLength })
}

function parseHash(stored: string): { cost: Cost; salt: Buffer; hash: Buffer } {
  const [, memory, passes, lanes, salt = '', hash = ''] = PHC.exec(stored) ?? []
  const cost = { memoryKib: Number(memory), passes: Number(passes), lanes: Number(lanes) }
  const read = { cost, salt: Buffer.from(salt, 'base64'), hash: Buffer.from(hash, 'base64') }
  const isInRange =
    cost.memoryKib <= MAX_MEMORY_KIB && cost.passes <= MAX_PASSES && cost.memoryKib >= 8 * cost.lanes
  // Also false where a number is none.
  if (isInRange && cost.lanes >= 1 && cost.passes >= 1 && read.salt.length >= 8 && read.hash.length >= 16) {
    return read
  }
  throw new MeshError('storage-failed', 'Cannot check password: what is stored is no hash of it: set it anew')
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$([A-Za-z0-9+/]{11,64})\$([A-Za-z0-9+/]{22,128})$/
const COST: Cost = { memoryKib: 19_456, passes: 2, lanes: 1 }
const SALT_BYTES = 16
const HASH_BYTES = 32
/** What a stored hash may cost at the most: it may come from elsewhere. */
const MAX_MEMORY_KIB = 262_144
const MAX_PASSES = 10
const NOBODY = { cost: COST, salt: Buffer.alloc(SALT_BYTES), hash: Buffer.alloc(HASH_BYTES) }
