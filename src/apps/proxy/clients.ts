import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'

/** A client's name and what its password is checked by, as stored. */
export const clientRecordShape = z.object({
  name: z.string(),
  /** Base64url, 16 bytes. */
  salt: z.string(),
  /** scrypt of the password, base64url, 32 bytes. */
  hash: z.string(),
})
/** A client's name and what its password is checked by. */
export type ClientRecord = z.output<typeof clientRecordShape>

/** Who may use the proxy. */
export interface Clients {
  readonly names: readonly string[]
  /** Whether a login is wanted at all. */
  readonly isOpenToAll: boolean
  /** Whether it is a client's name and password. Takes as long for a name that nobody has. */
  check(name: string, password: string): Promise<boolean>
}

/** What to keep of a password. */
export async function makeClientRecord(name: string, password: string): Promise<ClientRecord> {
  const salt = randomBytes(16)
  const hash = await stretch(password, salt)
  return { name, salt: salt.toString('base64url'), hash: hash.toString('base64url') }
}

/**
 * Make the check of logins. A password that was good is remembered by a keyed hash for as long as the process lives:
 * stretching one for every connection of a browser would cost 50 ms each.
 */
export function createClients(records: readonly ClientRecord[]): Clients {
  const key = randomBytes(32)
  const good = new Set<string>()
  let queue: Promise<unknown> = Promise.resolve()
  let waitingCount = 0
  const nobody = { salt: randomBytes(16).toString('base64url'), hash: '' }
  const digest = (name: string, password: string) =>
    createHmac('sha256', key).update(`${name}:${password}`).digest('base64url')
  return {
    names: records.map(({ name }) => name),
    isOpenToAll: records.length === 0,
    async check(name, password) {
      const seen = digest(name, password)
      if (good.has(seen)) return true
      // One at a time, and not many: each takes 50 ms and 16 MiB, and anybody who reaches the port may ask.
      if (waitingCount >= MAX_WAITING_LOGINS) return false
      waitingCount += 1
      const turn = queue.then(() => compare(name, password))
      queue = turn
        .catch(() => {})
        .finally(() => {
          waitingCount -= 1
        })
      const isGood = await turn
      if (isGood) good.add(seen)
      return isGood
    },
  }

  async function compare(name: string, password: string): Promise<boolean> {
    const record = records.find(one => one.name === name)
    const { salt, hash } = record ?? nobody
    const made = await stretch(password, Buffer.from(salt, 'base64url'))
    const kept = Buffer.from(hash, 'base64url')
    return record !== undefined && kept.length === made.length && timingSafeEqual(kept, made)
  }
}

function stretch(password: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    scrypt(password.normalize('NFC'), salt, 32, (error, hash) =>
      error === null ? resolve(hash) : reject(error),
    ),
  )
}

/** Logins that may wait for their turn; further ones are refused. */
const MAX_WAITING_LOGINS = 32
