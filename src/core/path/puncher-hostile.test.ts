import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SimHost } from '../../testing/nat-sim.ts'
import { assertSamePair, createPunchLab, type PunchLab, placeAgent, punch } from '../../testing/punch-lab.ts'
import { createPunchPlaybook, INTRODUCTION } from '../../testing/punch-playbook.ts'
import { chooseSeed, createSeededRandom } from '../../testing/seeded-random.ts'
import type { VirtualPuncher } from '../../testing/virtual-puncher.ts'
import { type Address, formatAddress } from '../model/address.ts'
import type { IntroductionId, Probe } from '../model/probe.ts'
import { ms } from '../model/time.ts'
import { MAX_PEER_CANDIDATES, readCandidates } from './candidate.ts'
import { ProbeWire } from './probe-wire.ts'
import { PUNCH_LIMITS } from './punch-limits.ts'
import { createPuncher, type PuncherAction } from './puncher.ts'

const SEED = chooseSeed()
const MAX_A_SECOND = PUNCH_LIMITS.sendsPerSecond + PUNCH_LIMITS.sendBurst
/** To an address that the peer only claims to send from: pings, and answers while an attempt lasts. */
const MAX_TO_UNPROVEN =
  PUNCH_LIMITS.learnedAddresses * PUNCH_LIMITS.pingsPerAddress +
  PUNCH_LIMITS.unprovenPongBurst +
  (PUNCH_LIMITS.unprovenPongsPerSecond * PUNCH_LIMITS.attemptMs) / 1_000

function createLab(i: number): PunchLab {
  const lab = createPunchLab({ random: createSeededRandom(SEED + i) })
  placeAgent(lab, lab.dial, 'port-restricted', 7)
  placeAgent(lab, lab.accept, 'port-restricted', 8)
  return lab
}

/** Somebody on the internet who has nothing to do with it. @returns what came, and from where */
function createVictim(lab: PunchLab, ip: string): { readonly address: Address; readonly came: Address[] } {
  const host = new SimHost(lab.random)
  host.plug(lab.internet, ip)
  const came: Address[] = []
  const socket = host.open(from => came.push(from))
  return { address: { host: ip, port: socket.port }, came }
}

function mostInASecond(sent: VirtualPuncher['sent']): number {
  let [from, most] = [0, 0]
  sent.forEach(({ at }, i) => {
    while (at - (sent[from]?.at ?? 0) >= 1_000) from += 1
    most = Math.max(most, i - from + 1)
  })
  return most
}

test('a peer that offers a thousand addresses of others has none of them reached', () => {
  for (const nat of ['endpoint-independent', 'symmetric'] as const) {
    const lab = createLab(1)
    const victims = Array.from({ length: 20 }, (_, i) => createVictim(lab, `192.0.2.${i + 1}`))
    const offers = Array.from({ length: 1_000 }, (_, i) =>
      formatAddress(victims[i % 20]?.address ?? assert.fail()),
    )
    lab.dial.lie = { udp: offers, nat }
    punch(lab, 20_000)
    assert.deepEqual(
      victims.flatMap(({ came }) => came),
      [],
    )
    assert.equal(lab.accept.puncher?.state.state, 'failed')
  }
})

test('a peer that offers a thousand private addresses makes us send to eight of them, ten times each', () => {
  const lab = createLab(2)
  const offers = Array.from({ length: 1_000 }, (_, i) => `10.8.${i >> 8}.${i & 255}:53`)
  lab.dial.lie = { udp: offers }
  lab.introduce()
  lab.time.run(20_000)
  const counts = Map.groupBy(lab.accept.sent, ({ to }) => formatAddress(to))
  const pings = [...counts].filter(([address]) => offers.includes(address)).map(([, list]) => list.length)
  assert.ok(pings.length <= MAX_PEER_CANDIDATES)
  assert.ok(Math.max(...pings) <= PUNCH_LIMITS.pingsPerAddress)
})

test('a peer that forges its address makes us send little to whose it is', t => {
  const lab = createLab(3)
  const victims = Array.from({ length: 50 }, (_, i) => createVictim(lab, `192.0.2.${i + 1}`))
  lab.introduce()
  lab.time.run(600)
  // 1,000 good pings a second, from an address that is another's.
  for (let i = 0; i < 10_000; i++) {
    const from = victims[i % victims.length]?.address ?? assert.fail()
    const probe: Probe = {
      kind: 'ping',
      side: 'dial',
      introduction: lab.accept.introduction,
      transaction: 100_000 + i,
    }
    lab.accept.drive(lab.accept.puncher?.receive(0, from, probe, lab.time.now()) ?? [])
    lab.time.run(1)
  }
  // The attempt of the beginning, and up to four more that doubts about the pair began.
  const sent = lab.accept.sent.filter(({ to }) => to.host.startsWith('192.0.2.'))
  t.diagnostic(`${sent.length} datagrams for 10,000`)
  assert.ok(sent.length <= MAX_TO_UNPROVEN * 4, `${sent.length} datagrams`)
  assert.ok(mostInASecond(lab.accept.sent) <= MAX_A_SECOND)
  assert.equal(lab.accept.puncher?.state.state, 'chosen')
})

test('all that was said played again from elsewhere changes nothing', () => {
  const lab = createLab(4)
  assert.ok(punch(lab, 5_000) !== undefined)
  lab.time.run(60_000)
  const before = { ...lab.accept.puncher?.state }
  const { address } = createVictim(lab, '192.0.2.1')
  const sentBefore = lab.accept.sent.length
  for (let round = 0; round < 50; round++) {
    for (const { probe } of lab.dial.sent.slice(0, 40))
      lab.accept.drive(lab.accept.puncher?.receive(0, address, probe, lab.time.now()) ?? [])
    lab.time.run(200)
  }
  assert.deepEqual({ ...lab.accept.puncher?.state }, before)
  assertSamePair(lab)
  const count = lab.accept.sent.length - sentBefore
  assert.ok(count < 200, `${count} datagrams for 2,000`)
})

test('a path that flaps ten times a second costs little, and is punched again when it has settled', t => {
  const lab = createLab(5)
  assert.ok(punch(lab, 5_000) !== undefined)
  lab.dial.sent.length = 0
  lab.accept.sent.length = 0
  for (let i = 0; i < 600; i++) {
    placeAgent(lab, lab.dial, 'port-restricted', 10 + (i % 2))
    lab.dial.drive(lab.dial.puncher?.networkChanged(lab.time.now()) ?? [])
    if (i % 10 === 0) lab.introduce()
    lab.time.run(100)
  }
  for (const { sent, side } of [lab.dial, lab.accept]) {
    // An attempt every 4 s at the most, three searches, and pings of the pair.
    const most = 15 * 200 + 3 * PUNCH_LIMITS.searchGuesses + 60_000 / PUNCH_LIMITS.retryMs
    assert.ok(sent.length < most, `SEED=${SEED}: ${side}: ${sent.length} datagrams in a minute`)
    assert.ok(mostInASecond(sent) <= MAX_A_SECOND)
    t.diagnostic(`${side}: ${sent.length} datagrams in a minute, at most ${mostInASecond(sent)} in a second`)
  }
  // Where one has given up meanwhile, the two are introduced anew.
  const agents = [lab.dial, lab.accept]
  if (agents.some(({ puncher }) => puncher?.state.state === 'failed'))
    for (const agent of agents) agent.puncher = undefined
  lab.introduce()
  lab.time.run(PUNCH_LIMITS.longestGapMs + 5_000)
  assertSamePair(lab)
})

test('a peer that never answers costs ten pings an address, and the time of an attempt', () => {
  const book = createPunchPlaybook('dial', ['10.0.0.2:7', '203.0.113.9:4000'])
  const done = [...book.start(), ...book.run(60_000)]
  assert.equal(done.length, 2 * PUNCH_LIMITS.pingsPerAddress + 1)
  assert.equal(done.at(-1), `${PUNCH_LIMITS.attemptMs}: failed no-answer`)
})

test('a peer that pings for ever and answers nothing keeps no attempt alive', () => {
  const book = createPunchPlaybook('dial', ['203.0.113.9:4000'])
  book.start()
  const done: string[] = []
  for (let at = 10; at < 10_000; at += 10) {
    done.push(...book.run(at), ...book.hear('ping', at, '203.0.113.9:4000'))
  }
  assert.equal(book.puncher.state.state, 'failed')
  assert.ok(done.filter(line => line.includes('ping')).length <= 2 * PUNCH_LIMITS.pingsPerAddress)
})

const ADDRESSES: readonly Address[] = [
  { host: '10.0.0.2', port: 7 },
  { host: '203.0.113.9', port: 4_000 },
  { host: '2001:db8::9', port: 7 },
  { host: '192.0.2.1', port: 53 },
  { host: '192.0.2.2', port: 53 },
]
const nat = fc.constantFrom(...(['none', 'endpoint-independent', 'symmetric', 'blocked', 'unknown'] as const))
const terms = fc.record({
  candidates: fc
    .subarray(['10.0.0.2:7', '203.0.113.9:4000', '[2001:db8::9]:7'])
    .map(texts => readCandidates(texts)),
  ownNat: nat,
  peerNat: nat,
})
/** What may happen; transactions are small, so that some fit pings that are out. */
const event = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('ping', 'pong', 'nominate'),
      socket: fc.constantFrom(0, 0, 1, 200, 9_999),
      from: fc.constantFrom(...ADDRESSES),
      transaction: fc.nat({ max: 60 }),
      side: fc.constantFrom('dial', 'accept'),
      introduction: fc.constantFrom(INTRODUCTION, INTRODUCTION, INTRODUCTION, 'ff' as IntroductionId),
    }),
  },
  { weight: 3, arbitrary: fc.record({ answer: fc.nat({ max: 3 }) }) },
  { weight: 1, arbitrary: fc.constantFrom('networkChanged', 'stop') },
  { weight: 1, arbitrary: fc.record({ terms }) },
)

test('createPuncher() never throws, keeps to its rates and always ends or wakes, whatever happens', () => {
  const steps = fc.array(fc.tuple(event, fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 4_000 }))), {
    maxLength: 150,
  })
  fc.assert(
    fc.property(fc.constantFrom('dial', 'accept'), terms, steps, fc.nat(), (side, first, events, seed) => {
      const random = createSeededRandom(seed)
      const puncher = createPuncher({ introduction: INTRODUCTION, side, terms: first, random })
      const sent: { at: typeof now; to: Address; probe: Probe; socket: number }[] = []
      let now = ms(0)
      let wakeAt: number | undefined
      const take = (actions: PuncherAction[]) => {
        for (const action of actions) {
          if (action.do === 'send') sent.push({ at: now, ...action })
          if (action.do !== 'wake') continue
          assert.ok(action.at > now, 'a wake that is past')
          wakeAt = Math.min(wakeAt ?? action.at, action.at)
        }
        const isRunning = /probing|chosen/.test(puncher.state.state)
        assert.ok(!isRunning || wakeAt !== undefined, 'hangs')
      }
      const runTo = (end: number) => {
        for (let at = wakeAt; at !== undefined && at <= end; at = wakeAt) {
          wakeAt = undefined
          now = ms(at)
          take(puncher.tick(now))
        }
        now = ms(end)
      }
      take(puncher.start(now))
      for (const [one, waitMs] of events) {
        runTo(now + waitMs)
        if (one === 'networkChanged') take(puncher.networkChanged(now))
        else if (one === 'stop') {
          // Seldom, or there would be little to see.
          if (waitMs % 7 === 0) take(puncher.stop())
        } else if ('terms' in one) take(puncher.introduced(one.terms, now))
        else if ('answer' in one) {
          const ping = sent.findLast(({ probe }, i) => probe.kind !== 'pong' && i % 4 === one.answer)
          if (ping === undefined) continue
          const { introduction, transaction } = ping.probe
          const other = side === 'dial' ? 'accept' : 'dial'
          const seen = ADDRESSES[one.answer] ?? ping.to
          take(
            puncher.receive(
              ping.socket,
              ping.to,
              { kind: 'pong', side: other, introduction, transaction, seen },
              now,
            ),
          )
        } else {
          const { socket, from, ...probe } = one
          take(puncher.receive(socket, from, { ...probe, seen: from } as Probe, now))
        }
      }
      assert.ok(mostInASecond(sent) <= MAX_A_SECOND)
      const isOver = !/probing|chosen/.test(puncher.state.state)
      const count = sent.length
      runTo(now + 60_000)
      if (isOver) assert.equal(sent.length, count)
      // Nobody answers any more: what was chosen is lost, and what is tried ends.
      assert.match(puncher.state.state, /failed|stopped/)
    }),
    { numRuns: 300 },
  )
})

test('a peer that pings from a hundred addresses is pinged back at eight of them', () => {
  const book = createPunchPlaybook('accept', ['10.0.0.2:7', '203.0.113.9:4000'])
  book.start()
  const done = Array.from({ length: 100 }, (_, i) => book.hear('ping', i, `192.0.2.${i + 1}:9`)).flat()
  const pinged = new Set(done.filter(line => /^ping .* 192/.test(line)).map(line => line.split(' to ')[1]))
  assert.equal(pinged.size, PUNCH_LIMITS.learnedAddresses)
})

test('a network that changes all the time begins an attempt ever more seldom', () => {
  const book = createPunchPlaybook('dial', ['203.0.113.9:4000'])
  const done = book.start()
  for (let at = 100; at <= 60_000; at += 100) {
    done.push(...book.run(at))
    const sends = book.puncher.networkChanged(ms(at)).filter(action => action.do === 'send')
    done.push(...sends.map(({ to }) => formatAddress(to)))
  }
  // Attempts at 0, 1, 3, 7, 15 and 31 s.
  assert.ok(done.length <= 7 * PUNCH_LIMITS.pingsPerAddress, `${done.length} datagrams`)
})

test('ProbeWire sends no faster than its rate, whatever it is asked for', () => {
  const wire = new ProbeWire('dial', INTRODUCTION)
  const to = { host: '203.0.113.9', port: 1 }
  const ask = (now: number) =>
    Array.from({ length: 1_000 }, () => wire.ping('ping', 0, to, ms(now))).filter(send => send !== undefined)
  assert.equal(ask(0).length, PUNCH_LIMITS.sendBurst)
  assert.equal(ask(100).length, PUNCH_LIMITS.sendsPerSecond / 10)
  assert.equal(ask(60_000).length, PUNCH_LIMITS.sendBurst)
})
