import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { MeshError } from '../model/errors.ts'
import { ms } from '../model/time.ts'
import { createBalancer } from './balancer.ts'
import { createRanks, type RankedMember, type RankOptions } from './rank.ts'

const NOW = ms(0)
const MEMBERS: Record<string, RankedMember> = {
  dear: { cost: 100, precedence: 'default' },
  cheap: { cost: 1, precedence: 'default' },
  alike: { cost: 1, precedence: 'default' },
  reserve: { cost: 0, precedence: 'failed' },
}
const random = createSeededRandom(7)

function ranks(options: Partial<RankOptions<string>> = {}, members = MEMBERS) {
  return createRanks<string>({
    memberOf: name => members[name] ?? { cost: 0, precedence: 'default' },
    random,
    ...options,
  })
}

test('createRanks() takes the cheapest, in turn where several are, and the reserve last', () => {
  const balancer = createBalancer({ method: 'round-robin', members: Object.keys(MEMBERS) })
  const picks = [1, 2, 3].map(() => balancer.pick(NOW, undefined, ranks()))
  assert.deepEqual(picks, [
    ['cheap', 'alike', 'dear', 'reserve'],
    ['alike', 'cheap', 'dear', 'reserve'],
    ['cheap', 'alike', 'dear', 'reserve'],
  ])
})

test('createRanks() puts what is required before what is cheap', () => {
  const members = { ...MEMBERS, must: { cost: 65_535, precedence: 'required' } } as const
  const balancer = createBalancer({ method: 'round-robin', members: Object.keys(members) })
  assert.equal(balancer.pick(NOW, undefined, ranks({}, members))[0], 'must')
})

test('a member that failed is passed over, whatever its rank', () => {
  const balancer = createBalancer({ method: 'round-robin', members: Object.keys(MEMBERS) })
  for (const name of ['cheap', 'alike']) balancer.failed(name, NOW, new MeshError('offline', 'gone'))
  const order = balancer.pick(NOW, undefined, ranks())
  assert.deepEqual(order.slice(0, 2), ['dear', 'reserve'])
})

test('sticky stays with the one before, unless that is a last resort', () => {
  const balancer = createBalancer({ method: 'round-robin', members: Object.keys(MEMBERS) })
  const first = (last: string) => balancer.pick(NOW, undefined, ranks({ strategy: 'sticky', last }))[0]
  assert.deepEqual([first('dear'), first('dear'), first('dear')], ['dear', 'dear', 'dear'])
  assert.notEqual(first('reserve'), 'reserve')
  assert.notEqual(first('somebody else'), 'dear')
})

test('weighted gives each its share by cost; random gives equal shares', () => {
  const members = {
    one: { cost: 0, precedence: 'default' },
    three: { cost: 2, precedence: 'default' },
  } as const
  const share = (strategy: 'weighted' | 'random') => {
    const balancer = createBalancer({ method: 'round-robin', members: Object.keys(members) })
    let count = 0
    for (let i = 0; i < 4_000; i++) {
      if (balancer.pick(NOW, undefined, ranks({ strategy }, members))[0] === 'one') count += 1
    }
    return count / 4_000
  }
  assert.ok(Math.abs(share('weighted') - 0.75) < 0.03, 'cost 0 weighs three times as much as cost 2')
  assert.ok(Math.abs(share('random') - 0.5) < 0.03)
})
