import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { EndpointId } from '../../core/model/ids.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { Context } from '../context.ts'

/** Who dials what. */
export interface Dial {
  readonly user: UserName
  readonly endpoint: EndpointId
  readonly service: ServiceName
}

/** Makes ids of sessions that prove, without being kept, that the controller gave them for a dial. */
export interface SessionProof {
  /** 43 characters of base64url: 16 random bytes and a MAC of 16. */
  make(dial: Dial): string
  check(session: string, dial: Dial): boolean
}

/** Open it with the key in the store, or make one. @see docs/protocol.md, "Metering" */
export async function openSessionProof({
  store,
  random,
}: Pick<Context, 'store' | 'random'>): Promise<SessionProof> {
  const stored = keyShape.safeParse((await store.get(KEY))?.value)
  const key = stored.success ? Buffer.from(stored.data.key, 'base64url') : Buffer.from(random(KEY_BYTES))
  if (!stored.success) await store.put(KEY, { version: 1, key: key.toString('base64url') })

  function macOf(chance: Uint8Array, { user, endpoint, service }: Dial): Buffer {
    // None of the three can have a line end.
    const text = `${user}\n${endpoint}\n${service}`
    return createHmac('sha256', key).update(chance).update(text).digest().subarray(0, MAC_BYTES)
  }

  return {
    make(dial) {
      const chance = random(CHANCE_BYTES)
      return Buffer.concat([chance, macOf(chance, dial)]).toString('base64url')
    },
    check(session, dial) {
      const bytes = Buffer.from(session, 'base64url')
      if (bytes.length !== CHANCE_BYTES + MAC_BYTES || bytes.toString('base64url') !== session) return false
      return timingSafeEqual(bytes.subarray(CHANCE_BYTES), macOf(bytes.subarray(0, CHANCE_BYTES), dial))
    },
  }
}

const KEY = 'billing/session-key'
const KEY_BYTES = 32
const CHANCE_BYTES = 16
const MAC_BYTES = 16
const keyShape = z.object({ version: z.literal(1), key: z.string().regex(/^[A-Za-z0-9_-]{43}$/) })
