import { createHash } from 'node:crypto'

/** An API key as it is made: the key is shown once and kept by its owner alone. */
export interface NewApiKey {
  /** `ztm-` and 43 letters, digits, `-` and `_`: 256 random bits. */
  readonly key: string
  /** What is stored of it. */
  readonly record: { readonly prefix: string; readonly keyHash: string }
}

/** Make an API key. @param random  gives that many unguessable bytes */
export function createApiKey(random: (byteCount: number) => Uint8Array): NewApiKey {
  const key = `${API_KEY_PREFIX}${Buffer.from(random(KEY_BYTES)).toString('base64url')}`
  return { key, record: { prefix: key.slice(0, SHOWN_CHARACTERS), keyHash: hashApiKey(key) } }
}

/** What a key is found by: SHA-256, lower-case hex. A key is unguessable, so nobody finds one by its hash. */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/** Whether a text has the form of a key of ours; a JWT never has. */
export function isApiKey(text: string): boolean {
  return KEY.test(text)
}

const API_KEY_PREFIX = 'ztm-'
const KEY_BYTES = 32
/** Enough to tell keys apart in a list; 220 bits stay unknown. */
const SHOWN_CHARACTERS = API_KEY_PREFIX.length + 6
const KEY = /^ztm-[A-Za-z0-9_-]{43}$/
