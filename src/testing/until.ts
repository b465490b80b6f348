import assert from 'node:assert/strict'
import { setImmediate, setTimeout } from 'node:timers/promises'

/**
 * Wait until something that has no event of its own has become so.
 *
 * @param what  for the message when it has not after 10 s
 */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (!(await isSo())) {
    assert.ok(performance.now() < deadlineMs, `waited 10 s until ${what}`)
    await setImmediate()
    await setTimeout(1)
  }
}
