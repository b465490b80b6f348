import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Name, UserName } from '../core/model/names.ts'
import { createLeftGroups, MAX_LEFT_GROUPS } from './left-groups.ts'

const user = fc.constantFrom('ann' as UserName, 'bob' as UserName)
const group = fc.constantFrom('a' as Name, 'b' as Name, 'c' as Name)
const KEEP_MS = 10

test('createLeftGroups() agrees with one that remembers everything, while tickets may still be shown', () => {
  const change = fc.record({
    users: fc.uniqueArray(user, { minLength: 1 }),
    left: fc.uniqueArray(group),
    beforeMs: fc.nat(20),
  })
  const steps = fc.array(fc.tuple(fc.nat(4), change), { maxLength: 12 })
  fc.assert(
    fc.property(steps, user, fc.uniqueArray(group), fc.nat(20), (all, who, named, issuedAtMs) => {
      let now = 0
      const memory = createLeftGroups(KEEP_MS, () => now)
      const told: { users: UserName[]; left: Name[]; beforeMs: number; atMs: number }[] = []
      for (const [waitMs, one] of all) {
        now += waitMs
        memory.add(one)
        told.push({ ...one, atMs: now })
      }
      const expected = named.filter(name => {
        // What was told last of this user and group holds.
        const last = told.findLast(({ users, left }) => users.includes(who) && left.includes(name))
        return last === undefined || issuedAtMs > last.beforeMs || last.atMs + KEEP_MS <= now
      })
      assert.deepEqual(memory.without(who, named, issuedAtMs), expected)
    }),
  )
})

test('createLeftGroups() forgets the oldest of too many', () => {
  const memory = createLeftGroups(KEEP_MS, () => 0)
  const users = Array.from({ length: 1_000 }, (_, i) => `u${i}` as UserName)
  for (let i = 0; i <= MAX_LEFT_GROUPS / 1_000; i++)
    memory.add({ users, left: [`g${i}` as Name], beforeMs: 5 })
  const [first = '' as UserName] = users
  assert.deepEqual(memory.without(first, ['g0' as Name], 1), ['g0'])
  assert.deepEqual(memory.without(first, ['g1' as Name, 'other' as Name], 1), ['other'])
})
