import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNatBox, SimNetwork } from '../../testing/nat-sim.ts'
import {
  type AccessKind,
  assertSamePair,
  createPunchLab,
  type PunchLab,
  placeAgent,
  punch,
} from '../../testing/punch-lab.ts'
import { chooseSeed, createSeededRandom } from '../../testing/seeded-random.ts'
import type { VirtualPuncher } from '../../testing/virtual-puncher.ts'

const SEED = chooseSeed()
const CONES: readonly AccessKind[] = ['none', 'full-cone', 'address-restricted', 'port-restricted']

function createLab(i: number, loss = 0): PunchLab {
  return createPunchLab({ random: createSeededRandom(SEED + i), loss })
}

/** The agent notices that its addresses changed; the two are introduced again. */
function tellMoved(lab: PunchLab, agent: VirtualPuncher): void {
  agent.drive(agent.puncher?.networkChanged(lab.time.now()) ?? [])
  lab.introduce()
}

function chosenRemote({ puncher }: VirtualPuncher): string | undefined {
  return puncher?.state.state === 'chosen' ? puncher.state.remote.host : undefined
}

for (const mover of ['dial', 'accept'] as const) {
  for (const kind of CONES) {
    test(`a move is noticed and punched again: ${mover} goes from ${kind} to another network`, () => {
      for (let i = 0; i < CONES.length; i++) {
        const lab = createLab(i)
        const [moving, other] = mover === 'dial' ? [lab.dial, lab.accept] : [lab.accept, lab.dial]
        placeAgent(lab, moving, kind, 7)
        placeAgent(lab, other, CONES[i] ?? 'none', 8)
        assert.ok(punch(lab, 5_000) !== undefined)
        lab.time.run(30_000)
        placeAgent(lab, moving, kind, 9)
        const movedAt = lab.time.now()
        tellMoved(lab, moving)
        lab.time.run(5_000)
        const tookMs = Math.max(...[moving, other].map(agent => agent.lastAt('chosen') ?? 0)) - movedAt
        assert.ok(tookMs > 0 && tookMs < 3_000, `SEED=${SEED}, to ${CONES[i]}: ${tookMs} ms`)
        assert.equal(chosenRemote(other), '203.0.113.9', `SEED=${SEED}, to ${CONES[i]}`)
        assertSamePair(lab)
      }
    })
  }
}

test('a pair whose way is cut is lost 2 s after the first ping that is not answered', () => {
  const lab = createLab(1)
  placeAgent(lab, lab.dial, 'port-restricted', 7)
  placeAgent(lab, lab.accept, 'port-restricted', 8)
  assert.ok(punch(lab, 5_000) !== undefined)
  lab.time.run(20_000)
  const cutAt = lab.time.now()
  placeAgent(lab, lab.accept, 'blocked', 8)
  lab.dial.drive(lab.dial.puncher?.networkChanged(cutAt) ?? [])
  lab.time.run(1_900)
  assert.equal(lab.dial.lastAt('lost'), undefined)
  lab.time.run(150)
  assert.equal((lab.dial.lastAt('lost') ?? 0) - cutAt, 2_000)
})

test('a chosen pair outlives NATs that forget after 30 s, however long it is idle', () => {
  const lab = createLab(2, 0.01)
  placeAgent(lab, lab.dial, 'symmetric', 7, { mappingMs: 30_000 })
  placeAgent(lab, lab.accept, 'address-restricted', 8, { mappingMs: 30_000 })
  assert.ok(punch(lab, 5_000) !== undefined)
  lab.time.run(3_600_000)
  assertSamePair(lab)
  assert.equal(lab.dial.lastAt('lost'), undefined)
  // 240 of each side in an hour, and some that were lost.
  assert.ok(lab.dial.sent.length < 1_000, `${lab.dial.sent.length} datagrams`)
})

test('two layers of NAT are punched where the outer ones give one address for all', () => {
  for (const inner of CONES.slice(1)) {
    const lab = createLab(3)
    const carrier = createNatBox(lab.internet, { kind: 'port-restricted', outerIp: '203.0.113.7' }, lab)
    lab.dial.host.plug(
      createNatBox(carrier, { kind: inner as 'full-cone', outerIp: '100.64.0.5' }, lab),
      '192.168.0.2',
    )
    placeAgent(lab, lab.accept, 'port-restricted', 8)
    const tookMs = punch(lab, 5_000)
    assert.ok(tookMs !== undefined && tookMs < 3_000, `SEED=${SEED}, ${inner}: ${tookMs}`)
    assertSamePair(lab)
  }
})

test('two behind one NAT reach each other in their own network, whatever the NAT', () => {
  for (const kind of ['port-restricted', 'symmetric', 'blocked'] as const) {
    const lab = createLab(4)
    const home = createNatBox(lab.internet, { kind, outerIp: '203.0.113.7' }, lab)
    lab.dial.host.plug(home, '192.168.0.2')
    lab.accept.host.plug(home, '192.168.0.3')
    const tookMs = punch(lab, 5_000)
    assert.ok(tookMs !== undefined && tookMs < 1_000, `SEED=${SEED}, ${kind}: ${tookMs}`)
    assert.equal(chosenRemote(lab.dial), '192.168.0.3')
    assertSamePair(lab)
  }
})

test('two behind one carrier, each with a NAT of its own, meet by its outer address where it turns them back', () => {
  for (const hairpin of [true, false]) {
    const lab = createLab(5)
    const carrier = createNatBox(lab.internet, { kind: 'full-cone', outerIp: '203.0.113.7', hairpin }, lab)
    const homes = ['100.64.0.5', '100.64.0.6'].map(outerIp =>
      createNatBox(carrier, { kind: 'port-restricted', outerIp }, lab),
    )
    lab.dial.host.plug(homes[0] ?? new SimNetwork(), '192.168.0.2')
    lab.accept.host.plug(homes[1] ?? new SimNetwork(), '192.168.1.2')
    const tookMs = punch(lab, 8_000)
    assert.equal(tookMs !== undefined, hairpin)
    if (hairpin) assertSamePair(lab)
    else assert.deepEqual(lab.dial.puncher?.state, { state: 'failed', reason: 'no-answer' })
  }
})

test('IPv6 is taken where both have it, and does no harm where one has', () => {
  const lab = createLab(6)
  placeAgent(lab, lab.dial, 'symmetric', 7)
  placeAgent(lab, lab.accept, 'symmetric', 8)
  lab.dial.host.plug(lab.internet, '2001:db8::7')
  lab.accept.host.plug(lab.internet, '2001:db8::8')
  assert.ok(punch(lab, 5_000) !== undefined)
  assert.equal(chosenRemote(lab.dial), '2001:db8::8')
  assertSamePair(lab)

  const one = createLab(7)
  placeAgent(one, one.dial, 'port-restricted', 7)
  placeAgent(one, one.accept, 'port-restricted', 8)
  one.dial.host.plug(one.internet, '2001:db8::7')
  assert.ok((punch(one, 5_000) ?? 9_999) < 3_000)
  assertSamePair(one)
})
