import assert from 'node:assert/strict'
import { type ErrorCode, MeshError } from '../core/model/errors.ts'

/**
 * Check that something fails with a MeshError of one code.
 *
 * @param text  what its message must say
 */
export async function assertRefused(
  call: Promise<unknown> | (() => unknown),
  code: ErrorCode,
  text?: RegExp,
): Promise<void> {
  await assert.rejects(
    async () => (typeof call === 'function' ? call() : call),
    (error: unknown) => {
      assert.ok(error instanceof MeshError, `not a MeshError: ${error}`)
      assert.equal(error.code, code, error.message)
      if (text !== undefined) assert.match(error.message, text)
      return true
    },
  )
}
