import { MeshError } from '../core/model/errors.ts'

/**
 * Check a key: words between single slashes, 1-512 characters in all, any script.
 *
 * @throws MeshError `bad-input` for an empty word, a control character, half of a surrogate pair
 */
export function checkKey(key: unknown): asserts key is string {
  checkText(key, 'key')
  if (key.length === 0) throw new MeshError('bad-input', 'Cannot use key: it is empty')
  if (key.split('/').includes('')) {
    throw new MeshError('bad-input', `Cannot use key ${show(key)}: write word/word without empty words`)
  }
}

/**
 * Check the prefix of keys; empty means all of them, and it may end within a word.
 *
 * @throws MeshError `bad-input` for what no key could contain
 */
export function checkPrefix(prefix: unknown): asserts prefix is string {
  checkText(prefix, 'prefix')
}

/**
 * Check the revision that a writer expects.
 *
 * @throws MeshError `bad-input` unless it is undefined, 0 or a revision
 */
export function checkExpected(expected: unknown): asserts expected is number | undefined {
  if (expected === undefined) return
  if (typeof expected === 'number' && Number.isSafeInteger(expected) && expected >= 0) return
  throw new MeshError('bad-input', `Cannot expect revision ${String(expected)}: write a whole number from 0`)
}

/**
 * A value as JSON, taken at once so that what the caller does to it later changes nothing.
 *
 * @throws MeshError `bad-input` if JSON cannot hold it, `too-large` over 256 KiB
 */
export function encodeValue(key: string, value: unknown): string {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (thrown) {
    throw new MeshError('bad-input', `Cannot write ${show(key)}: JSON cannot hold the value`, {
      cause: thrown,
    })
  }
  if (json === undefined) {
    throw new MeshError('bad-input', `Cannot write ${show(key)}: JSON cannot hold the value`)
  }
  const bytes = Buffer.byteLength(json)
  if (bytes > MAX_VALUE_BYTES) {
    throw new MeshError(
      'too-large',
      `Cannot write ${show(key)}: ${bytes} bytes of JSON: at most ${MAX_VALUE_BYTES}`,
    )
  }
  return json
}

/** A key as it may stand in a message: quoted, escaped, cut. */
export function show(key: string): string {
  return JSON.stringify(key.length > 80 ? `${key.slice(0, 80)}…` : key)
}

function checkText(text: unknown, what: string): asserts text is string {
  if (typeof text !== 'string') throw new MeshError('bad-input', `Cannot use ${what}: it is not text`)
  if (text.length > MAX_KEY_LENGTH) {
    throw new MeshError(
      'bad-input',
      `Cannot use ${what}: ${text.length} characters: at most ${MAX_KEY_LENGTH}`,
    )
  }
  if (!text.isWellFormed() || CONTROL.test(text)) {
    throw new MeshError('bad-input', `Cannot use ${what} ${show(text)}: a character that keys may not have`)
  }
}

/** The longest key, in UTF-16 units. */
export const MAX_KEY_LENGTH = 512

/** The largest value, in bytes of its JSON as UTF-8. */
export const MAX_VALUE_BYTES = 256 * 1024

const CONTROL = /\p{Cc}/u
