import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatTarget, type Target } from '../../core/model/address.ts'
import { MeshError } from '../../core/model/errors.ts'
import { parseServiceName } from '../../core/model/names.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { createTestMesh } from '../../testing/test-host.ts'
import { TUNNEL_LIMITS } from './limits.ts'
import { type Health, TargetPool } from './target-pool.ts'
import { tunnelApp } from './tunnel.ts'

const SERVICE = parseServiceName('tcp/web')
const refused = (target: Target) =>
  new MeshError('unreachable', `Cannot connect to ${formatTarget(target)}: nothing listens there`)

/** A pool of targets on ports 1 to `count`, and what it said of its health. */
function createPool(count: number) {
  const mesh = createTestMesh()
  const reports: Health[] = []
  const pool = new TargetPool({
    host: mesh.addEndpoint('here').host(tunnelApp),
    limits: TUNNEL_LIMITS,
    isProbed: false,
    onHealth: health => reports.push(health),
  })
  const targets = Array.from({ length: count }, (_, i) => ({ host: 'db', port: i + 1 }))
  pool.set({ targets, users: [], entrances: [], balance: 'round-robin', isRange: false, isProbed: false })
  const abort = new AbortController()
  return { mesh, pool, reports, abort, incoming: { service: SERVICE, signal: abort.signal } }
}

const states = (pool: TargetPool) => pool.describe(() => 0).map(({ health }) => health)

describe('TargetPool', () => {
  it('blames no target for too many open files', async () => {
    const { pool, reports, incoming } = createPool(2)
    const opened = pool.connect(incoming, async () => {
      throw new MeshError('too-many', 'Cannot connect to db:1: too many open files')
    })
    await assertRefused(opened, 'too-many')
    assert.deepEqual([states(pool), reports], [['unknown', 'unknown'], []])
  })

  it('blames no target when the dialler gives up', async () => {
    const { pool, abort, incoming } = createPool(2)
    let tryCount = 0
    const opened = pool.connect(incoming, async target => {
      tryCount += 1
      abort.abort()
      throw refused(target)
    })
    await assertRefused(opened, 'timed-out', /given up/)
    assert.deepEqual([states(pool), tryCount], [['unknown', 'unknown'], 1])
  })

  it('stops trying in time for its answer to arrive, with shorter tries at the end', async () => {
    const { mesh, pool, incoming } = createPool(10)
    const timeouts: number[] = []
    const opened = pool.connect(incoming, async (target, timeoutMs) => {
      timeouts.push(timeoutMs)
      mesh.timers.advance(Math.min(timeoutMs, 4_000))
      throw refused(target)
    })
    await assertRefused(opened, 'target-refused')
    assert.deepEqual(timeouts, [5_000, 5_000, 5_000, 3_000])
  })

  it('tries sixteen at the most, and names five', async () => {
    const { pool, incoming } = createPool(40)
    const tried: string[] = []
    const opened = pool.connect(incoming, async target => {
      tried.push(formatTarget(target))
      throw refused(target)
    })
    await assertRefused(
      opened,
      'target-refused',
      /db:1 \(nothing listens there\), .*db:5 \(.*\) and 11 more$/,
    )
    assert.equal(tried.length, 16)
  })

  it('reports its health when that changes, not at every try', async () => {
    const { pool, reports, incoming } = createPool(2)
    await pool.connect(incoming, async () => 'connected')
    await pool.connect(incoming, async () => 'connected')
    for (let i = 0; i < 3; i++) {
      await pool.connect(incoming, async target => {
        if (target.kind === 'address' && target.port === 1) throw refused(target)
        return 'connected'
      })
    }
    await assertRefused(
      pool.connect(incoming, async target => {
        throw refused(target)
      }),
      'target-refused',
    )
    assert.deepEqual(reports, ['up', 'partly', 'down'])
  })
})
