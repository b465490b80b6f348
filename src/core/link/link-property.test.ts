import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { type ErrorCode, MeshError } from '../model/errors.ts'
import { ms } from '../model/time.ts'
import { createLinkMachine, type LinkAction, type LinkMachine } from './link.ts'

/** What an edge keeps: one timer, for the earliest wake; a try; a renewal. */
class Edge {
  readonly machine: LinkMachine
  now = 1_000_000
  timerAt: number | undefined
  tries: string[] = []
  isRenewing = false
  hasCertificate = false

  constructor(machine: LinkMachine) {
    this.machine = machine
  }

  perform(actions: readonly LinkAction[]): void {
    for (const action of actions) {
      if (action.do === 'connect') this.tries.push(action.bootstrap)
      else if (action.do === 'wake') this.timerAt = Math.min(action.at, this.timerAt ?? action.at)
      else this.isRenewing = true
    }
  }

  tick(): void {
    if (this.timerAt !== undefined && this.timerAt <= this.now) this.timerAt = undefined
    this.perform(this.machine.tick(ms(this.now)))
  }

  /** Let the time pass until the wake. @returns false if there is none */
  sleep(): boolean {
    if (this.timerAt === undefined) return false
    this.now = Math.max(this.now, this.timerAt)
    this.tick()
    return true
  }

  networkChanged(): void {
    const actions = this.machine.networkChanged(ms(this.now))
    if (actions.some(action => action.do === 'connect')) this.tries = []
    this.perform(actions)
  }

  lost(code: ErrorCode): void {
    this.tries = []
    this.perform(this.machine.lost(new MeshError(code, 'Link ended'), ms(this.now)))
  }

  connected(): void {
    this.tries = []
    this.perform(this.machine.connected(ms(this.now)))
  }
}

const EVENTS = ['start', 'stop', 'connected', 'lost', 'certified', 'renewFailed', 'network', 'tick'] as const
const CODES = ['unreachable', 'link-closed', 'evicted', 'not-trusted', 'too-many'] as const
const eventArbitrary = fc.record({
  event: fc.constantFrom(...EVENTS),
  code: fc.constantFrom(...CODES),
  afterMs: fc.oneof(fc.nat(300), fc.integer({ min: -10_000, max: 100_000 })),
  lifeMs: fc.oneof(fc.integer({ min: -10, max: 10 }), fc.nat(200_000)),
})

function feed(
  edge: Edge,
  { event, code, afterMs, lifeMs }: { event: string; code: ErrorCode; afterMs: number; lifeMs: number },
) {
  const { machine } = edge
  edge.now += afterMs
  const now = ms(edge.now)
  if (event === 'start') edge.perform(machine.start(now))
  else if (event === 'stop') {
    machine.stop()
    edge.tries = []
  } else if (event === 'connected') {
    if (edge.tries.length > 0) edge.connected()
  } else if (event === 'lost') {
    if (edge.tries.length > 0 || machine.state.state === 'online') edge.lost(code)
  } else if (event === 'certified') {
    edge.isRenewing = false
    edge.hasCertificate = true
    edge.perform(machine.certified(now, ms(now + lifeMs), now))
  } else if (event === 'renewFailed') {
    if (edge.isRenewing) {
      edge.isRenewing = false
      edge.perform(machine.renewFailed(now))
    }
  } else if (event === 'network') edge.networkChanged()
  else edge.tick()
}

test('a link always has exactly one way forward, whatever happens in whatever order', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }),
      fc.nat(),
      fc.array(eventArbitrary, { maxLength: 80, size: 'max' }),
      (bootstraps, seed, events) => {
        const edge = new Edge(createLinkMachine(bootstraps, createSeededRandom(seed)))
        for (const event of events) {
          feed(edge, event)
          const { state } = edge.machine
          seen.add(state.state)
          assert.equal(edge.tries.length, state.state === 'connecting' ? 1 : 0)
          if (state.state === 'waiting') {
            assert.ok(edge.timerAt !== undefined && edge.timerAt <= state.until)
            assert.ok(state.until - state.since <= 30_000)
          }
          if (state.state === 'online' && edge.hasCertificate) {
            assert.ok(edge.isRenewing || edge.timerAt !== undefined, 'renewal forgotten')
          }
        }
      },
    ),
    { numRuns: 2_000 },
  )
  assert.deepEqual([...seen].sort(), ['connecting', 'online', 'stopped', 'waiting'])
})

test('a link is back within 3 s of its hub, whichever of its bootstraps that is', t => {
  let longestMs = 0
  fc.assert(
    fc.property(
      fc.record({
        count: fc.integer({ min: 1, max: 16 }),
        place: fc.nat(15),
        seed: fc.nat(),
        awayMs: fc.oneof(fc.nat(1_000), fc.nat(120_000)),
        // How long it takes to find out that nobody answers, all hubs together.
        failMs: fc.nat(900),
      }),
      ({ count, place, seed, awayMs, failMs }) => {
        const bootstraps = Array.from({ length: count }, (_, i) => `hub-${i}`)
        const hub = `hub-${place % count}`
        const edge = new Edge(createLinkMachine(bootstraps, createSeededRandom(seed)))
        const backAt = edge.now + awayMs
        edge.perform(edge.machine.start(ms(edge.now)))
        while (edge.tries[0] !== hub || edge.now < backAt) {
          if (edge.tries.length === 0) edge.sleep()
          else {
            edge.now += failMs / count
            edge.lost('unreachable')
          }
        }
        longestMs = Math.max(longestMs, edge.now - backAt)
        assert.ok(edge.now - backAt <= 3_000, `back after ${edge.now - backAt} ms`)
      },
    ),
    { numRuns: 3_000 },
  )
  t.diagnostic(`the longest wait was ${Math.round(longestMs)} ms`)
  assert.ok(longestMs > 1_000, 'no hub was away for long: nothing was proved')
})

test('a hub that accepts and drops at once is not hammered', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(4_999), (seed, upMs) => {
      const edge = new Edge(createLinkMachine(['a'], createSeededRandom(seed)))
      const startedAt = edge.now
      let tryCount = 0
      edge.perform(edge.machine.start(ms(edge.now)))
      while (edge.now - startedAt < 600_000) {
        tryCount += 1
        edge.connected()
        edge.now += upMs
        edge.lost('link-closed')
        edge.sleep()
      }
      // Five quick tries, then one a second at most.
      assert.ok(tryCount <= 606, `${tryCount} tries in ten minutes`)
    }),
    { numRuns: 50 },
  )
})

test('agents that lose their hub at the same moment come back spread out', () => {
  const random = createSeededRandom(1)
  const edges = Array.from({ length: 5_000 }, () => {
    const edge = new Edge(createLinkMachine(['a'], random))
    edge.perform(edge.machine.start(ms(edge.now)))
    edge.connected()
    edge.now += 60_000
    edge.lost('link-closed')
    return edge
  })
  const lostAt = edges[0]?.now ?? 0
  const firstWaits = edges.map(edge => (edge.timerAt ?? 0) - lostAt)
  assert.deepEqual([Math.min(...firstWaits) >= 50, Math.max(...firstWaits) <= 100], [true, true])
  assert.ok(largestShare(firstWaits, 5) < 0.15, `${largestShare(firstWaits, 5)} within 5 ms`)
  const backAt = lostAt + 5_000
  const arrivals = edges.map(edge => {
    while (edge.now < backAt) {
      edge.sleep()
      if (edge.now < backAt) edge.lost('unreachable')
    }
    return edge.now - backAt
  })
  assert.ok(largestShare(arrivals, 100) < 0.12, `${largestShare(arrivals, 100)} within 100 ms`)
})

/** The share of the fullest span. */
function largestShare(times: readonly number[], spanMs: number): number {
  const bySpan = Map.groupBy(times, time => Math.floor(time / spanMs))
  return Math.max(...[...bySpan.values()].map(group => group.length)) / times.length
}
