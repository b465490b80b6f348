import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createSeededRandom, type SeededRandom, withSeed } from './seeded-random.ts'
import { createVirtualMesh, type VirtualMesh } from './virtual-mesh.ts'

const AGENTS = 10_000

/** A mesh of 10,000 whose agents have been online for a while. */
function createLargeMesh(random: SeededRandom): VirtualMesh {
  const mesh = createVirtualMesh({ agentCount: AGENTS, random, loss: 0.01 })
  for (const agent of mesh.agents) agent.start()
  mesh.run(60_000)
  mesh.check()
  assert.equal(mesh.onlineCount, AGENTS)
  return mesh
}

/** The most connections that came in within 100 ms. */
function peakOf(arrivals: readonly number[]): number {
  const bySpan = Map.groupBy(arrivals, at => Math.floor(at / 100))
  return Math.max(0, ...[...bySpan.values()].map(({ length }) => length))
}

test('10,000 agents that start at the same moment are online within 2 s', () =>
  withSeed(random => {
    const mesh = createVirtualMesh({ agentCount: AGENTS, random, loss: 0.01 })
    for (const agent of mesh.agents) agent.start()
    mesh.run(2_000)
    mesh.check()
    assert.deepEqual([mesh.onlineCount, mesh.hub.registry.linkCount], [AGENTS, AGENTS])
  }))

test('10,000 agents are online again within 3 s of their hub, and come spread out', t =>
  withSeed(random => {
    const mesh = createLargeMesh(random)
    // A hub that starts again at once meets agents that are quick: they have not waited long enough to spread.
    bringBack(t, mesh, { awayMs: 300, maxShare: 0.6 })
    bringBack(t, mesh, { awayMs: 1_000, maxShare: 0.3 })
    bringBack(t, mesh, { awayMs: 5_000, maxShare: 0.1 })
  }))

/** Kill the hub, start it again, and look how its agents come. */
function bringBack(
  t: TestContext,
  mesh: VirtualMesh,
  { awayMs, maxShare }: { awayMs: number; maxShare: number },
): void {
  mesh.run(10_000)
  mesh.hub.kill()
  mesh.run(awayMs)
  mesh.hub.arrivals = []
  mesh.hub.start()
  const startedAt = mesh.time.now()
  while (mesh.onlineCount < AGENTS && mesh.time.now() - startedAt < 10_000) mesh.run(50)
  const tookMs = mesh.time.now() - startedAt
  const peak = peakOf(mesh.hub.arrivals)
  t.diagnostic(`away ${awayMs} ms: all back within ${tookMs} ms, at most ${peak} connections within 100 ms`)
  mesh.check()
  assert.equal(mesh.onlineCount, AGENTS)
  assert.ok(tookMs <= 3_000, `took ${tookMs} ms after ${awayMs} ms`)
  assert.ok(peak <= maxShare * AGENTS, `${peak} within 100 ms after ${awayMs} ms`)
}

test('an eviction reaches every one of 10,000 agents within 2 s, also those that are just coming back', () =>
  withSeed(random => {
    const mesh = createLargeMesh(random)
    const [evicted, ...others] = mesh.agents
    assert.ok(evicted !== undefined)
    for (const agent of others) if (random() < 0.05) agent.breakLink()
    const id = mesh.hub.evict(evicted.endpoint)
    mesh.run(2_000)
    mesh.check()
    const without = others.filter(({ heardOf }) => !heardOf.has(id))
    assert.deepEqual([without.length, evicted.state, mesh.onlineCount], [0, 'waiting', AGENTS - 1])
    assert.equal(mesh.hub.registry.linkOf(evicted.endpoint), undefined)
    mesh.run(60_000)
    assert.notEqual(evicted.state, 'online')
  }))

test('an hour of random trouble breaks no invariant and leaves nothing behind', t =>
  withSeed(random => {
    const mesh = createVirtualMesh({ agentCount: 200, random, loss: 0.05, mischief: 0.1 })
    for (const agent of mesh.agents) agent.start()
    const trouble = createTrouble(mesh, random)
    const endsAt = mesh.time.now() + 3_600_000
    let eventCount = 0
    for (; mesh.time.now() < endsAt; eventCount++) {
      mesh.run(-Math.log(1 - random()) * 100)
      trouble()
      if (eventCount % 20 === 0) mesh.check()
    }
    const { joinCount, refusedCount, arrivals } = mesh.hub
    t.diagnostic(
      `${eventCount} events, ${arrivals.length} links, ${joinCount} relays, ${refusedCount} asked in vain`,
    )
    assert.ok(joinCount > 2_000 && refusedCount > 500, 'too little happened')
    settle(mesh)
  }))

test('a mesh plays the same for the same seed, and another for another', () => {
  const play = (seed: number) => {
    const random = createSeededRandom(seed)
    const mesh = createVirtualMesh({ agentCount: 50, random, loss: 0.05, mischief: 0.1 })
    for (const agent of mesh.agents) agent.start()
    const trouble = createTrouble(mesh, random)
    for (let i = 0; i < 500; i++) {
      mesh.run(100)
      trouble()
    }
    return mesh.hub.arrivals.join(' ')
  }
  assert.equal(play(7), play(7))
  assert.notEqual(play(7), play(8))
})

/** Something that happens in a mesh, chosen by chance. */
function createTrouble(mesh: VirtualMesh, random: SeededRandom): () => void {
  const { hub, agents } = mesh
  const evictions: string[] = []
  const any = () => agents[Math.floor(random() * agents.length)] as (typeof agents)[number]
  return () => {
    const what = random()
    if (what < 0.7) any().dial(any().endpoint)
    else if (what < 0.8) any().breakLink()
    else if (what < 0.86) any().silenceLink()
    else if (what < 0.9) any().stop()
    else if (what < 0.98) any().start()
    else if (what < 0.985) evictions.push(hub.evict(any().endpoint))
    else if (what < 0.995) hub.undoEviction(evictions.shift() ?? '')
    else if (hub.isUp && what < 0.998) hub.kill()
    else if (!hub.isUp) hub.start()
  }
}

/** All is well again: everybody comes back. Then all stop, and the hub must have forgotten them. */
function settle(mesh: VirtualMesh): void {
  const { hub, agents } = mesh
  hub.start()
  hub.forgive()
  for (const agent of agents) agent.start()
  mesh.run(120_000)
  mesh.check()
  assert.deepEqual([mesh.onlineCount, hub.registry.linkCount], [agents.length, agents.length])
  for (const agent of agents) agent.stop()
  mesh.run(120_000)
  mesh.check()
  assert.deepEqual([mesh.onlineCount, hub.registry.entryCount], [0, 0])
}
