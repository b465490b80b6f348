import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom } from '../../testing/seeded-random.ts'
import { ms } from '../model/time.ts'
import { createFetchPlan, FETCH_PLAN_LIMITS, type FetchPlan } from './fetch-plan.ts'

const limits = { startBytes: 4, windowBytes: 8, windowChunks: 4, slowMs: 100, silentMs: 1_000 }
const plan = (count: number): FetchPlan<string> =>
  createFetchPlan({ wanted: Array.from({ length: count }, (_, chunk) => chunk), lengthOf: () => 1, limits })

const asked = (of: FetchPlan<string>, now: number) =>
  of
    .next(ms(now))
    .map(step =>
      step.do === 'ask' ? `${step.holder}:${step.chunks.join(',')}` : `${step.why} ${step.holder}`,
    )

function give(to: FetchPlan<string>, holder: string, chunks: readonly number[], now: number): void {
  for (const chunk of chunks) {
    assert.ok(to.arrived(holder, chunk, ms(now)))
    to.checked(holder, chunk, true)
  }
}

test('chunks are asked of several holders, of each as much as fits its window', () => {
  const two = plan(10)
  two.addHolder('a', ms(0))
  two.addHolder('b', ms(0))
  assert.deepEqual(asked(two, 0), ['a:0,1,2,3', 'b:4,5,6,7'])
  assert.deepEqual(asked(two, 0), [])
  give(two, 'a', [0, 1], 1)
  assert.deepEqual(asked(two, 1), ['a:8,9'])
  give(two, 'a', [2, 3, 8, 9], 2)
  give(two, 'b', [4, 5, 6, 7], 2)
  assert.ok(two.isDone)
})

test('a holder that lies about one chunk is asked no more, and what it owes is asked of another', () => {
  const two = plan(4)
  two.addHolder('liar', ms(0))
  assert.deepEqual(asked(two, 0), ['liar:0,1,2,3'])
  two.addHolder('good', ms(0))
  give(two, 'liar', [0], 1)
  assert.ok(two.arrived('liar', 1, ms(1)))
  two.checked('liar', 1, false)
  assert.equal(two.arrived('liar', 2, ms(1)), false)
  assert.deepEqual(asked(two, 1), ['lied liar', 'good:2,3,1'])
  two.addHolder('liar', ms(2))
  assert.deepEqual(asked(two, 2), [])
  give(two, 'good', [1, 2, 3], 2)
  assert.ok(two.isDone)
})

test('what a slow holder owes at the end is asked of one that is done, and the first answer counts', () => {
  const two = plan(6)
  two.addHolder('slow', ms(0))
  two.addHolder('fast', ms(0))
  assert.deepEqual(asked(two, 0), ['slow:0,1,2,3', 'fast:4,5'])
  give(two, 'fast', [4, 5], 10)
  assert.deepEqual(asked(two, 10), [])
  assert.equal(two.wakeAt(), 100)
  assert.deepEqual(asked(two, 100), ['fast:0,1,2,3'])
  give(two, 'fast', [0, 1, 2], 110)
  assert.equal(two.arrived('slow', 0, ms(120)), false)
  give(two, 'slow', [3], 121)
  assert.ok(two.isDone)
  assert.equal(two.arrived('fast', 3, ms(122)), false)
})

test('a holder that is silent is given up; one that sends a little is not', () => {
  const one = plan(2)
  one.addHolder('a', ms(0))
  assert.deepEqual(asked(one, 0), ['a:0,1'])
  one.heard('a', ms(900))
  assert.deepEqual(asked(one, 1_000), [])
  assert.deepEqual(asked(one, 1_900), ['silent a'])
  assert.ok(one.isStuck)
  one.addHolder('b', ms(2_000))
  assert.deepEqual(asked(one, 2_000), ['b:0,1'])
})

test('what no holder has is said, once the rest is here', () => {
  const one = plan(3)
  one.addHolder('a', ms(0))
  asked(one, 0)
  one.lacks('a', [1])
  assert.equal(one.isStuck, false)
  give(one, 'a', [0, 2], 1)
  assert.deepEqual([asked(one, 2), one.isStuck, one.leftCount], [[], true, 1])
  one.addHolder('b', ms(3))
  assert.deepEqual(asked(one, 3), ['b:1'])
})

test('a holder that goes and comes back is asked again', () => {
  const one = plan(2)
  one.addHolder('a', ms(0))
  asked(one, 0)
  one.holderGone('a')
  assert.ok(one.isStuck)
  one.addHolder('a', ms(1))
  assert.deepEqual(asked(one, 1), ['a:0,1'])
})

/** One course of events with holders of all kinds, in virtual time. */
function play(seed: number): void {
  const random = createSeededRandom(seed)
  const pick = (most: number) => Math.floor(random() * most)
  const count = 1 + pick(60)
  const of = createFetchPlan<number>({
    wanted: Array.from({ length: count }, (_, chunk) => chunk),
    lengthOf: chunk => 1 + (chunk % 3),
    limits,
  })
  const holders = Array.from({ length: 1 + pick(5) }, (_, id) => ({
    id,
    kind: (['good', 'good', 'slow', 'liar', 'silent', 'partial', 'leaver'] as const)[pick(7)] ?? 'good',
    owed: [] as number[],
    isDropped: false,
  }))
  for (const { id } of holders) of.addHolder(id, ms(0))
  const here = new Set<number>()
  const has = (kind: string, chunk: number) => kind !== 'partial' || chunk % 2 === 0
  for (let now = 0; now < 60_000 && !of.isDone && !of.isStuck; now += 20) {
    for (const step of of.next(ms(now))) {
      const holder = holders[step.holder] as (typeof holders)[0]
      assert.equal(holder.isDropped, false, 'who was dropped is not asked')
      if (step.do === 'drop') {
        holder.isDropped = true
        assert.ok(holder.kind === (step.why === 'lied' ? 'liar' : 'silent') || step.why === 'silent')
        continue
      }
      assert.ok(
        step.chunks.every(chunk => !here.has(chunk)),
        'what is here is not asked for',
      )
      holder.owed.push(...step.chunks)
      assert.ok(holder.owed.length <= limits.windowChunks * 2)
    }
    for (const holder of holders) {
      if (holder.isDropped || holder.kind === 'silent' || (holder.kind === 'slow' && random() < 0.8)) continue
      if (holder.kind === 'leaver' && random() < 0.05) {
        of.holderGone(holder.id)
        holder.isDropped = true
        continue
      }
      const chunk = holder.owed.shift()
      if (chunk === undefined) continue
      if (!has(holder.kind, chunk)) {
        of.lacks(holder.id, [chunk])
        continue
      }
      if (!of.arrived(holder.id, chunk, ms(now))) continue
      const isRight = holder.kind !== 'liar' || random() < 0.5
      assert.ok(!here.has(chunk), 'nothing is checked twice')
      if (isRight) here.add(chunk)
      of.checked(holder.id, chunk, isRight)
    }
  }
  const isLasting = holders.some(({ kind, isDropped }) => kind === 'good' && !isDropped)
  assert.ok(of.isDone || of.isStuck, 'it ends')
  assert.equal(of.isDone, here.size === count)
  if (isLasting) assert.ok(of.isDone, 'with a good holder it ends well')
}

test('a plan ends well with one good holder, whatever the others do', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    try {
      play(seed)
    } catch (error) {
      ;(error as Error).message = `seed ${seed}: ${(error as Error).message}`
      throw error
    }
  }
})

test('a plan of many chunks is quick', () => {
  const wanted = Array.from({ length: 100_000 }, (_, chunk) => chunk)
  const many = createFetchPlan<string>({ wanted, lengthOf: () => 100, limits: FETCH_PLAN_LIMITS })
  many.addHolder('a', ms(0))
  let askedCount = 0
  while (!many.isDone) {
    const steps = many.next(ms(0))
    askedCount += steps.length
    for (const step of steps) if (step.do === 'ask') give(many, 'a', step.chunks, 0)
    assert.equal(many.isStuck, false)
  }
  assert.ok(askedCount < 100)
})
