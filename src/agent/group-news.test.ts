import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { EndpointId } from '../core/model/ids.ts'
import type { Name } from '../core/model/names.ts'
import { createGroupNews, MAX_GROUP_NEWS } from './group-news.ts'

const endpoint = fc.constantFrom('ann' as EndpointId, 'bob' as EndpointId)
const group = fc.constantFrom('a' as Name, 'b' as Name, 'c' as Name)
const KEEP_MS = 10

test('createGroupNews() agrees with one that remembers everything, while tickets may still be shown', () => {
  const change = fc.record({
    endpoints: fc.uniqueArray(endpoint, { minLength: 1 }),
    left: fc.uniqueArray(group),
    joined: fc.uniqueArray(group),
    beforeMs: fc.nat(20),
  })
  const steps = fc.array(fc.tuple(fc.nat(4), change), { maxLength: 12 })
  fc.assert(
    fc.property(steps, endpoint, fc.uniqueArray(group), fc.nat(20), (all, who, named, issuedAtMs) => {
      let now = 0
      const memory = createGroupNews(KEEP_MS, () => now)
      const told: { endpoint: EndpointId; group: Name; isIn: boolean; beforeMs: number; atMs: number }[] = []
      for (const [waitMs, one] of all) {
        now += waitMs
        memory.add(one)
        for (const each of one.endpoints) {
          for (const name of one.left)
            told.push({ ...one, endpoint: each, group: name, isIn: false, atMs: now })
          for (const name of one.joined)
            told.push({ ...one, endpoint: each, group: name, isIn: true, atMs: now })
        }
      }
      const expected = (['a', 'b', 'c'] as Name[]).filter(name => {
        // What was told last of this endpoint and group holds.
        const last = told.findLast(each => each.endpoint === who && each.group === name)
        const isOld = last === undefined || issuedAtMs > last.beforeMs || last.atMs + KEEP_MS <= now
        return isOld ? named.includes(name) : last.isIn
      })
      const found = memory.groupsNow(who, named, issuedAtMs)
      assert.deepEqual([...found].sort(), expected)
      assert.equal(found === named, expected.join() === [...named].sort().join())
    }),
  )
})

test('createGroupNews() forgets the oldest of too many', () => {
  const memory = createGroupNews(KEEP_MS, () => 0)
  const hear = (from: number, left: Name) => {
    const endpoints = Array.from({ length: 1_000 }, (_, i) => `u${from + i}` as EndpointId)
    memory.add({ endpoints, left: [left], joined: [], beforeMs: 5 })
  }
  const groups = ['a', 'b'] as Name[]
  for (let from = 0; from <= MAX_GROUP_NEWS; from += 1_000) hear(from, 'a' as Name)
  assert.deepEqual(memory.groupsNow('u0' as EndpointId, groups, 1), groups)
  assert.deepEqual(memory.groupsNow('u1000' as EndpointId, groups, 1), ['b'])
  hear(1_000, 'b' as Name)
  assert.deepEqual(memory.groupsNow('u1000' as EndpointId, groups, 1), [])
})
