import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPunchPlaybook, type PunchPlaybook } from '../../testing/punch-playbook.ts'
import type { IntroductionId } from '../model/probe.ts'
import { ms } from '../model/time.ts'
import { PUNCH_LIMITS } from './punch-limits.ts'

const HOST = '10.0.0.2:7'
const OUTER = '203.0.113.9:4000'
const V6 = '[2001:db8::9]:7'

/** A machine that has just chosen the outer address. */
function chosen(side: 'dial' | 'accept'): PunchPlaybook {
  const book = createPunchPlaybook(side, [OUTER])
  book.start()
  book.hear('pong', 1, OUTER)
  book.run(200)
  if (side === 'accept') book.hear('nominate', 9, OUTER)
  else book.hear('pong', 2, OUTER)
  assert.equal(book.puncher.state.state, 'chosen')
  return book
}

test('start() pings every candidate at once, then ten times each with growing gaps', () => {
  const book = createPunchPlaybook('accept', [HOST, OUTER])
  assert.deepEqual(book.start(), [`ping 1 to ${HOST}`, `ping 2 to ${OUTER}`])
  const done = book.run(3_900).filter(line => line.endsWith(OUTER))
  assert.deepEqual(
    done.map(line => Number(line.split(':')[0])),
    [20, 70, 170, 370, 670, 1_070, 1_570, 2_170, 2_870],
  )
  assert.deepEqual(book.run(10_000), [`${PUNCH_LIMITS.attemptMs}: failed no-answer`])
})

test('start() fails at once where nothing can be tried', () => {
  const cases = [
    [[], {}, 'no-candidates'],
    [[OUTER], { own: 'blocked' }, 'udp-blocked'],
    [[OUTER], { peer: 'blocked' }, 'udp-blocked'],
    [[OUTER], { own: 'symmetric', peer: 'symmetric' }, 'both-symmetric'],
  ] as const
  for (const [candidates, nats, reason] of cases)
    assert.deepEqual(createPunchPlaybook('dial', candidates, nats).start(), [`failed ${reason}`])
})

test('start() tries the own network and IPv6 where NATs of IPv4 allow nothing else', () => {
  const book = createPunchPlaybook('dial', [HOST, OUTER, V6], { own: 'symmetric', peer: 'symmetric' })
  assert.deepEqual(book.start(), [`ping 1 to ${HOST}`, `ping 2 to ${V6}`])
  const local = createPunchPlaybook('dial', [HOST, OUTER], { own: 'blocked' })
  local.start()
  assert.deepEqual(local.run(9_000).at(-1), `${PUNCH_LIMITS.localAttemptMs}: failed udp-blocked`)
})

test('receive() answers a ping where it came from, and pings back there though no candidate names it', () => {
  const book = createPunchPlaybook('accept', [HOST])
  book.start()
  assert.deepEqual(book.hear('ping', 77, OUTER), [`pong 77 to ${OUTER}`, `ping 2 to ${OUTER}`])
  // Known to work, it is answered only.
  book.hear('pong', 2, OUTER)
  book.now = 100
  assert.deepEqual(
    book.hear('ping', 78, OUTER).filter(line => line.includes(OUTER)),
    [`pong 78 to ${OUTER}`],
  )
})

test('receive() pings back until it is answered, though the peer heard enough and pings no more', () => {
  const book = createPunchPlaybook('accept', [HOST, '203.0.113.10:1'])
  book.start()
  book.hear('ping', 77, OUTER)
  const pings = book.run(3_900).filter(line => line.endsWith(OUTER))
  assert.equal(pings.length, PUNCH_LIMITS.pingsPerAddress - 1)
})

test('the dialling side nominates at once where no closer pair can come', () => {
  const book = createPunchPlaybook('dial', [HOST, OUTER])
  book.start()
  book.now = 3
  assert.deepEqual(book.hear('pong', 1, HOST), [`nominate 3 to ${HOST}`])
  assert.deepEqual(book.hear('pong', 3, HOST), [`chosen 0 ${HOST}`])
})

test('the dialling side waits a little for a closer pair', () => {
  const book = createPunchPlaybook('dial', [OUTER, V6, HOST])
  book.start()
  assert.deepEqual(book.hear('pong', 1, OUTER), [])
  book.now = 10
  assert.deepEqual(book.hear('pong', 2, V6), [])
  const nominations = book.run(PUNCH_LIMITS.settleMs).filter(line => line.includes('nominate'))
  assert.equal(nominations.length, 1)
  assert.ok(nominations[0]?.endsWith(V6))
})

test('the dialling side takes the quickest of equal pairs', () => {
  const slow = '203.0.113.9:4001'
  const book = createPunchPlaybook('dial', [slow, OUTER, HOST])
  book.start()
  // Both answer their first ping, one after 60 ms, the other after 40; HOST is closer, and may still answer.
  book.now = 40
  book.hear('pong', 2, OUTER)
  book.now = 60
  book.hear('pong', 1, slow)
  const nominations = book.run(40 + PUNCH_LIMITS.settleMs).filter(line => line.includes('nominate'))
  assert.deepEqual(
    nominations.map(line => line.split(' to ')[1]),
    [OUTER],
  )
})

test('the dialling side sends the same nomination again, and gives a pair up that is not agreed to', () => {
  const book = createPunchPlaybook('dial', [OUTER])
  book.start()
  const done = [...book.hear('pong', 1, OUTER).map(line => `0: ${line}`), ...book.run(20_000)]
  const nominations = done.filter(line => line.includes('nominate'))
  assert.equal(nominations.length, PUNCH_LIMITS.nominations)
  assert.equal(new Set(nominations.map(line => line.split(': ')[1])).size, 1)
  assert.match(done.at(-1) ?? '', /failed no-answer$/)
})

test('the accepting side agrees once the pair works for it too', () => {
  const book = createPunchPlaybook('accept', [OUTER])
  book.start()
  assert.deepEqual(book.hear('nominate', 5, OUTER), [])
  book.now = 30
  assert.deepEqual(book.hear('nominate', 5, OUTER), [`ping 2 to ${OUTER}`, `ping 3 to ${OUTER}`])
  book.hear('pong', 2, OUTER)
  assert.deepEqual(book.hear('nominate', 5, OUTER), [`pong 5 to ${OUTER}`, `chosen 0 ${OUTER}`])
  // The pong was lost: it is sent again, and nothing begins anew.
  assert.deepEqual(book.hear('nominate', 5, OUTER), [`pong 5 to ${OUTER}`])
  assert.deepEqual(book.hear('nominate', 6, OUTER), [`pong 6 to ${OUTER}`, `chosen 0 ${OUTER}`])
})

test('the accepting side drops an old nomination that is played again', () => {
  const book = chosen('accept')
  assert.deepEqual(book.hear('nominate', 8, OUTER), [])
})

test('the dialling side is nominated nothing', () => {
  const book = chosen('dial')
  assert.deepEqual(book.hear('nominate', 900, OUTER), [])
})

test('receive() drops what is not of this introduction, not of the other side, or answers nothing', () => {
  const book = createPunchPlaybook('dial', [OUTER])
  book.start()
  const other = '00000000000000bb' as IntroductionId
  assert.deepEqual(book.hear('ping', 1, OUTER, { introduction: other }), [])
  assert.deepEqual(book.hear('ping', 1, OUTER, { side: 'dial' }), [])
  assert.deepEqual(book.hear('pong', 99, OUTER), [])
  assert.deepEqual(book.hear('pong', 1, '203.0.113.9:4001'), [])
  assert.deepEqual(book.hear('pong', 1, OUTER, { socket: 5 }), [])
  assert.deepEqual(
    book.run(90).filter(line => !line.includes('ping')),
    [],
  )
})

test('receive() takes an answer once, and not late', () => {
  const book = createPunchPlaybook('accept', [HOST, OUTER], { peer: 'symmetric' })
  book.start()
  book.run(5_100)
  book.hear('pong', 1, HOST)
  assert.equal(book.hear('nominate', 1, HOST).length, 1)
  const kept = chosen('accept')
  assert.deepEqual(kept.hear('pong', 1, OUTER), [])
})

test('a chosen pair is pinged every 15 s', () => {
  const book = chosen('dial')
  assert.deepEqual(book.run(15_100), [])
  assert.deepEqual(book.run(15_400), [`15200: ping 3 to ${OUTER}`])
  book.hear('pong', 3, OUTER)
  assert.deepEqual(book.run(30_399), [])
  assert.deepEqual(book.run(30_401), [`30400: ping 4 to ${OUTER}`])
})

test('a pair that does not answer is lost after 2 s, and another is looked for at once', () => {
  const book = chosen('dial')
  const done = book.run(17_300)
  assert.equal(done.filter(line => line.includes('ping') && line.endsWith(OUTER)).length, 8 + 3)
  assert.ok(done.includes('17200: lost'))
  assert.ok(done.includes(`17200: ping 11 to ${OUTER}`))
  assert.equal(book.puncher.state.state, 'probing')
})

test('networkChanged() asks whether the pair still works, and forgets the doubt with the answer', () => {
  const book = chosen('accept')
  book.now = 9_000
  const sends = book.puncher.networkChanged(ms(9_000)).filter(action => action.do === 'send')
  assert.deepEqual(
    sends.map(({ probe }) => probe.kind),
    ['ping', 'ping'],
  )
  book.hear('pong', sends[0]?.probe.transaction ?? 0, OUTER)
  assert.deepEqual(book.run(23_000), [])
})

test('stop() closes what was opened, and nothing happens after it', () => {
  const book = createPunchPlaybook('accept', [OUTER], { own: 'symmetric' })
  book.start()
  const done = book.run(400)
  assert.ok(done.includes('300: open 256 from 1'))
  assert.deepEqual(book.puncher.stop(), [{ do: 'close-sockets' }])
  assert.deepEqual(book.run(20_000), [])
  assert.deepEqual(book.hear('ping', 1, OUTER), [])
  assert.deepEqual(book.puncher.state, { state: 'stopped' })
})

test('the symmetric side pings from many sockets, and keeps the one that was hit', () => {
  const book = createPunchPlaybook('accept', [OUTER], { own: 'symmetric' })
  book.start()
  const pings = book.run(1_000).filter(line => / from \d+$/.test(line) && line.includes('ping'))
  assert.equal(new Set(pings.map(line => line.split(' from ')[1])).size, PUNCH_LIMITS.searchSockets)
  const back = book.hear('ping', 500, OUTER, { socket: 100 })
  assert.ok(back.includes(`pong 500 to ${OUTER} from 100`))
  const ping = back.find(line => line.startsWith('ping')) ?? assert.fail()
  book.hear('pong', Number(ping.split(' ')[1]), OUTER, { socket: 100 })
  assert.deepEqual(book.hear('nominate', 501, OUTER, { socket: 100 }), [
    `pong 501 to ${OUTER} from 100`,
    `chosen 100 ${OUTER}`,
    'close but 100',
  ])
})
