import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createLocalMesh, type LocalMesh } from '../testing/local-mesh.ts'
import type { Crowd } from '../testing/stranger-crowd.ts'
import { until } from '../testing/until.ts'

/** What one may cost at the most, KiB: docs/limits.md, "What one of each costs", with room for the noise of a small crowd. */
const CROWDS: readonly (readonly [Crowd, count: number, maxKib: number])[] = [
  ['silent', 500, 30],
  ['half a ClientHello', 500, 120],
  ['TLS', 300, 150],
  ['HTTP/2', 300, 150],
  ['requests without end', 150, 660],
]

const CROWD_PROGRAM = join(import.meta.dirname, '../testing/stranger-crowd.ts')
/** All stay until the last has come, also on a machine that does much else. */
const LONG_MS = 600_000
const LIMITS = { maxStrangersPerAddress: 2_048, firstByteTimeoutMs: LONG_MS, strangerTimeoutMs: LONG_MS }

test('hub keeps no more for a stranger than its limits say', async t => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const residentKib = () => {
    collect()
    return process.memoryUsage.rss() / 1_024
  }
  await using mesh = await createLocalMesh({ portLimits: LIMITS })
  await using crowds = new AsyncDisposableStack()
  // The first few make what is made once, and is not any stranger's.
  for (const [kind] of CROWDS) crowds.use(await gather(mesh, kind, 5))
  for (const [kind, count, maxKib] of CROWDS) {
    await t.test(kind, async t => {
      const beforeKib = residentKib()
      // All stay until the end, for the memory of those who went would be used for those who come.
      crowds.use(await gather(mesh, kind, count))
      const eachKib = (residentKib() - beforeKib) / count
      t.diagnostic(`${count} strangers: ${Math.round(eachKib)} KiB each`)
      assert.ok(eachKib < maxKib, `${eachKib} KiB each`)
    })
  }
  await crowds[Symbol.asyncDispose]()
  await until(() => mesh.hub.describe().strangerCount === 0, 'all are gone')
})

/** Have a crowd come; resolves when all are there. */
async function gather(mesh: LocalMesh, kind: Crowd, count: number): Promise<AsyncDisposable> {
  const before = mesh.hub.describe().strangerCount
  const crowd = spawn(process.execPath, [CROWD_PROGRAM, mesh.address, kind, String(count)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const gone = once(crowd, 'close')
  const end = async () => {
    crowd.stdin.end()
    await gone
  }
  try {
    await Promise.race([once(crowd.stdout, 'data'), gone])
    await until(() => mesh.hub.describe().strangerCount === before + count, 'all are there')
  } catch (error) {
    await end()
    throw error
  }
  return { [Symbol.asyncDispose]: end }
}
