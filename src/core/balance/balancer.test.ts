import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import { ms } from '../model/time.ts'
import { type Balancer, createBalancer } from './balancer.ts'

const refused = () => new MeshError('target-refused', 'Cannot connect to target: refused')

/** Who is put first in each of `count` picks. */
function firsts(balancer: Balancer<string>, count: number, now = 0): string {
  return Array.from({ length: count }, () => balancer.pick(ms(now))[0]).join('')
}

test('pick() gives nobody when there are no members', () => {
  assert.deepEqual(createBalancer({ method: 'round-robin' }).pick(ms(0)), [])
})

test('pick() puts each first in turn, and the others behind in the order of their turns', () => {
  const balancer = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  assert.deepEqual(
    [1, 2, 3, 4].map(() => balancer.pick(ms(0)).join('')),
    ['abc', 'bca', 'cab', 'abc'],
  )
})

test('pick() takes each member once when it was named twice', () => {
  assert.deepEqual(createBalancer({ method: 'round-robin', members: ['a', 'b', 'a'] }).pick(ms(0)), [
    'a',
    'b',
  ])
})

test('pick() leaves out who is not wanted, who keeps the turn', () => {
  const balancer = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  assert.deepEqual(
    balancer.pick(ms(0), member => member !== 'a'),
    ['b', 'c'],
  )
  assert.deepEqual(balancer.pick(ms(0)), ['a', 'c', 'b'])
})

test('pick() puts the one with the fewest connections first, equals in turn', () => {
  const balancer = createBalancer({ method: 'least-connections', members: ['a', 'b', 'c'] })
  balancer.opened('a')
  balancer.opened('a')
  balancer.opened('b')
  assert.deepEqual(balancer.pick(ms(0)), ['c', 'b', 'a'])
  balancer.opened('c')
  assert.equal(firsts(balancer, 4), 'bcbc')
  balancer.closed('a')
  balancer.closed('a')
  assert.equal(firsts(balancer, 2), 'aa')
})

test('pick() passes over a member that failed for 1 s, and tries it last', () => {
  const balancer = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  balancer.failed('a', ms(0))
  assert.deepEqual(
    [0, 1, 999].map(now => balancer.pick(ms(now)).join('')),
    ['bca', 'cba', 'bca'],
  )
})

test('pick() tries a member by one connection when its backoff is over', () => {
  const balancer = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  balancer.failed('a', ms(0))
  assert.equal(firsts(balancer, 5, 1_000), 'abcbc')
  balancer.succeeded('a')
  assert.equal(firsts(balancer, 6, 1_001), 'abcabc')
})

test('pick() tries a member again a backoff later when its trial was never reported on', () => {
  const balancer = createBalancer({ method: 'least-connections', members: ['a', 'b'] })
  balancer.failed('a', ms(0))
  assert.equal(firsts(balancer, 2, 1_000), 'ab')
  assert.equal(firsts(balancer, 1, 1_999), 'b')
  assert.equal(firsts(balancer, 2, 2_000), 'ab')
})

test('pick() tries a member again though it has more connections than others', () => {
  const balancer = createBalancer({ method: 'least-connections', members: ['a', 'b'] })
  balancer.opened('a')
  balancer.failed('a', ms(0))
  assert.equal(firsts(balancer, 2, 1_000), 'ab')
})

test('failed() doubles the backoff from 1 s to 30 s, and a success starts it anew', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a', 'b'] })
  let now = 0
  function backoffMs(): number {
    balancer.failed('a', ms(now))
    const failedAt = now
    while (balancer.pick(ms(now))[0] !== 'a') now += 500
    return now - failedAt
  }
  assert.deepEqual(Array.from({ length: 7 }, backoffMs), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  balancer.succeeded('a')
  assert.equal(backoffMs(), 1_000)
})

test('failed() counts connections that break together as one failure', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a', 'b'] })
  for (let i = 0; i < 10; i++) balancer.failed('a', ms(i))
  assert.equal(firsts(balancer, 1, 999), 'b')
  assert.equal(firsts(balancer, 1, 1_000), 'a')
})

test('pick() gives all members when all failed, the one whose backoff ends first in front', () => {
  const balancer = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  balancer.failed('b', ms(0))
  balancer.failed('c', ms(1))
  balancer.failed('a', ms(2))
  assert.deepEqual(balancer.pick(ms(3)), ['b', 'c', 'a'])
  const other = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  for (const [at, name] of (['c', 'a', 'b'] as const).entries()) other.failed(name, ms(at))
  assert.deepEqual(other.pick(ms(3)), ['c', 'a', 'b'])
})

test('pick() does not put a trial off by asking for members that are passed over', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a'] })
  balancer.failed('a', ms(0))
  balancer.pick(ms(900))
  balancer.failed('a', ms(950))
  balancer.setMembers(['a', 'b'])
  assert.equal(balancer.pick(ms(999))[0], 'b')
  assert.equal(balancer.pick(ms(1_000))[0], 'a')
})

test('failed() after a success counts anew, though connections were still on their way', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a', 'b'] })
  balancer.failed('a', ms(0))
  assert.equal(balancer.pick(ms(1_000))[0], 'a')
  balancer.succeeded('a')
  balancer.failed('a', ms(1_001))
  balancer.failed('a', ms(1_002))
  assert.equal(firsts(balancer, 1, 2_000), 'b')
  assert.equal(firsts(balancer, 1, 2_001), 'a')
})

test('pick() does not keep a member out for long when the clock was set back', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a', 'b'] })
  balancer.failed('a', ms(3_600_000))
  assert.equal(firsts(balancer, 1, 0), 'a')
})

test('setMembers() keeps what is known of those who stay and forgets those who left', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a', 'b'] })
  balancer.opened('a')
  balancer.failed('b', ms(5), refused())
  balancer.setMembers(['c', 'a'])
  assert.deepEqual(balancer.health(), [
    { member: 'c', state: 'unknown', openCount: 0 },
    { member: 'a', state: 'unknown', openCount: 1 },
  ])
  balancer.setMembers(['b'])
  assert.deepEqual(balancer.health(), [{ member: 'b', state: 'unknown', openCount: 0 }])
})

test('setMembers() still counts the connections of one that left and came back', () => {
  const balancer = createBalancer({ method: 'least-connections', members: ['a', 'b'] })
  balancer.opened('a')
  balancer.opened('a')
  balancer.setMembers(['b'])
  balancer.closed('a')
  balancer.setMembers(['a', 'b'])
  assert.deepEqual(
    balancer.health().map(({ openCount }) => openCount),
    [1, 0],
  )
})

test('opened() counts a connection that began as its member left', () => {
  const balancer = createBalancer<string>({ method: 'round-robin', members: ['a'] })
  balancer.opened('a')
  balancer.setMembers([])
  balancer.opened('a')
  balancer.opened('b')
  balancer.closed('a')
  balancer.setMembers(['a', 'b'])
  assert.deepEqual(
    balancer.health().map(({ openCount }) => openCount),
    [1, 1],
  )
})

test('health() tells what the last try said, and the last failure', () => {
  const balancer = createBalancer({ method: 'round-robin', members: ['a', 'b', 'c'] })
  const error = refused()
  balancer.succeeded('a')
  balancer.opened('a')
  balancer.failed('b', ms(7), error)
  assert.deepEqual(balancer.health(), [
    { member: 'a', state: 'up', openCount: 1 },
    { member: 'b', state: 'down', openCount: 0, failedAtMs: 7, lastError: error },
    { member: 'c', state: 'unknown', openCount: 0 },
  ])
  balancer.succeeded('b')
  assert.deepEqual(balancer.health()[1], {
    member: 'b',
    state: 'up',
    openCount: 0,
    failedAtMs: 7,
    lastError: error,
  })
})

// Anything a caller may do, in any order, also what makes no sense.
const member: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e')
const step = fc.oneof(
  fc.record({ do: fc.constant('pick' as const), afterMs: fc.nat({ max: 5_000 }) }),
  fc.record({ do: fc.constantFrom('opened', 'closed', 'succeeded', 'failed'), member }),
  { weight: 1, arbitrary: fc.record({ do: fc.constant('set' as const), members: fc.array(member) }) },
)
const method = fc.constantFrom('round-robin' as const, 'least-connections' as const)

test('pick() never loses or invents a member, and counts are never negative, whatever happens', () => {
  fc.assert(
    fc.property(method, fc.array(step, { maxLength: 200, size: 'max' }), (chosen, steps) => {
      const balancer = createBalancer<string>({ method: chosen, members: ['a', 'b', 'c'] })
      let members = ['a', 'b', 'c']
      let now = 0
      for (const one of steps) {
        if (one.do === 'pick') {
          now += one.afterMs
          assert.deepEqual(balancer.pick(ms(now)).sort(), [...members].sort())
        } else if ('members' in one) {
          members = [...new Set(one.members)]
          balancer.setMembers(one.members)
        } else if (one.do === 'failed') balancer.failed(one.member, ms(now))
        else balancer[one.do as 'opened' | 'closed' | 'succeeded'](one.member)
        const health = balancer.health()
        assert.deepEqual(
          health.map(({ member }) => member),
          members,
        )
        for (const { openCount } of health) assert.ok(openCount >= 0)
      }
    }),
  )
})

test('pick() shares connections evenly among members that work, whoever fails beside them', () => {
  fc.assert(
    fc.property(
      method,
      fc.uniqueArray(member, { minLength: 1 }),
      fc.nat({ max: 60 }),
      (chosen, working, count) => {
        const members = ['a', 'b', 'c', 'd', 'e']
        const balancer = createBalancer<string>({ method: chosen, members })
        for (const one of members) {
          if (working.includes(one)) balancer.succeeded(one)
          else balancer.failed(one, ms(0))
        }
        const shares = new Map(working.map(one => [one, 0]))
        for (let i = 0; i < count; i++) {
          const [first = ''] = balancer.pick(ms(i))
          balancer.opened(first)
          shares.set(first, (shares.get(first) ?? 0) + 1)
        }
        assert.equal(shares.size, working.length, 'none that is passed over was first')
        assert.ok(Math.max(...shares.values()) - Math.min(...shares.values()) <= 1, [...shares].join(' '))
      },
    ),
  )
})

test('pick() keeps open connections within one of each other by least-connections, for any lives', () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 200, size: 'max' }),
      fc.infiniteStream(fc.nat()),
      (opens, chance) => {
        const balancer = createBalancer<string>({ method: 'least-connections', members: ['a', 'b', 'c'] })
        const open: string[] = []
        for (const isOpening of opens) {
          if (isOpening) {
            const counts = new Map(balancer.health().map(({ member, openCount }) => [member, openCount]))
            const [first = ''] = balancer.pick(ms(0))
            assert.equal(counts.get(first), Math.min(...counts.values()))
            balancer.opened(first)
            open.push(first)
          } else if (open.length > 0) {
            const [ended = ''] = open.splice(Number(chance.next().value) % open.length, 1)
            balancer.closed(ended)
          }
        }
        const sum = balancer.health().reduce((total, { openCount }) => total + openCount, 0)
        assert.equal(sum, open.length)
      },
    ),
  )
})

test('pick() gives a member that works its first connection within 30 s, whatever came before', () => {
  fc.assert(
    fc.property(method, fc.array(fc.nat({ max: 40_000 }), { maxLength: 30 }), (chosen, failuresAfterMs) => {
      const balancer = createBalancer<string>({ method: chosen, members: ['a', 'b'] })
      balancer.succeeded('b')
      let now = 0
      for (const afterMs of failuresAfterMs) {
        now += afterMs
        balancer.pick(ms(now))
        balancer.failed('a', ms(now))
      }
      // Repaired now: who dials ten times a second finds it.
      const until = now + 30_100
      while (now <= until && balancer.pick(ms(now))[0] !== 'a') {
        balancer.opened('b')
        now += 100
      }
      assert.ok(now <= until)
    }),
  )
})
