import assert from 'node:assert/strict'
import { setImmediate, setTimeout } from 'node:timers/promises'

const WAIT_MS = 60_000

/**
 * Wait until something that has no event of its own has become so.
 *
 * @param what  for the message when it has not after 60 s, which is long on a slow machine too
 */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS
  while (!(await isSo())) {
    assert.ok(performance.now() < deadlineMs, `waited ${WAIT_MS / 1_000} s until ${what}`)
    await setImmediate()
    await setTimeout(1)
  }
}
