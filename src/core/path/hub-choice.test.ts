import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { HubId } from '../model/ids.ts'
import { chooseHubs, orderMeetingPlaces } from './hub-choice.ts'

const hub = (i: number) => `0d2f9d0e-6f53-4a52-9a4b-${String(i).padStart(12, '0')}` as HubId
const NONE: ReadonlySet<HubId> = new Set()

test('chooseHubs() takes the nearest, and those that do not answer last', () => {
  const hubs = [
    { id: hub(1), roundTripMs: 80 },
    { id: hub(2), roundTripMs: undefined },
    { id: hub(3), roundTripMs: 12 },
    { id: hub(4), roundTripMs: 30 },
  ]
  assert.deepEqual(chooseHubs(hubs, NONE, 2), [hub(3), hub(4)])
  assert.deepEqual(chooseHubs(hubs, NONE, 4), [hub(3), hub(4), hub(1), hub(2)])
})

test('chooseHubs() stays with a hub until another is clearly nearer', () => {
  const at = (near: number) => [
    { id: hub(1), roundTripMs: 40 },
    { id: hub(2), roundTripMs: near },
  ]
  assert.deepEqual(chooseHubs(at(30), new Set([hub(1)]), 1), [hub(1)])
  assert.deepEqual(chooseHubs(at(10), new Set([hub(1)]), 1), [hub(2)])
})

test('orderMeetingPlaces() asks first where both are, the nearest first, then where the peer is', () => {
  const places = [
    { id: undefined, roundTripMs: 60, isLinked: true },
    { id: hub(1), roundTripMs: 10, isLinked: true },
    { id: hub(2), roundTripMs: 20, isLinked: true },
    { id: hub(3), roundTripMs: 90, isLinked: false },
  ]
  const order = (...there: HubId[]) => orderMeetingPlaces(places, new Set(there)).map(({ id }) => id)
  assert.deepEqual(order(hub(1), hub(2)), [hub(1), hub(2), undefined, hub(3)])
  assert.deepEqual(order(hub(3)), [undefined, hub(3), hub(1), hub(2)])
  assert.deepEqual(order(), [undefined, hub(1), hub(2), hub(3)])
})

test('orderMeetingPlaces() leaves the controller its work where another hub is as near', () => {
  const places = [
    { id: undefined, roundTripMs: 1, isLinked: true },
    { id: hub(1), roundTripMs: 4, isLinked: true },
  ]
  assert.deepEqual(
    orderMeetingPlaces(places, new Set([hub(1)])).map(({ id }) => id),
    [hub(1), undefined],
  )
})

test('orderMeetingPlaces() asks one that was silent last, wherever it is', () => {
  const places = [
    { id: hub(1), roundTripMs: 1, isLinked: true, isSilent: true },
    { id: undefined, roundTripMs: 60, isLinked: true },
    { id: hub(2), roundTripMs: undefined, isLinked: false },
  ]
  assert.deepEqual(
    orderMeetingPlaces(places, new Set([hub(1)])).map(({ id }) => id),
    [undefined, hub(2), hub(1)],
  )
})

test('orderMeetingPlaces() asks one that is being drained after all others', () => {
  const places = [
    { id: undefined, roundTripMs: 1, isLinked: true, isDraining: true },
    { id: hub(1), roundTripMs: 1, isLinked: true, isSilent: true },
    { id: hub(2), roundTripMs: 60, isLinked: false },
  ]
  assert.deepEqual(
    orderMeetingPlaces(places, new Set([hub(1)])).map(({ id }) => id),
    [hub(2), hub(1), undefined],
  )
})

/** A mesh of agents and hubs on a plane, where the round trip is the distance. */
const worlds = fc.record({
  hubs: fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { minLength: 1, maxLength: 16 }),
  agents: fc.array(fc.tuple(fc.nat(300), fc.nat(300)), { minLength: 2, maxLength: 12 }),
  dead: fc.array(fc.nat(15), { maxLength: 8 }),
})

test('in a mesh of many hubs any two agents meet while one hub of the host lives, the controller’s being away', () => {
  fc.assert(
    fc.property(worlds, ({ hubs, agents, dead }) => {
      const alive = hubs.map((_, i) => i).filter(i => !dead.includes(i))
      const distances = (agent: readonly [number, number]) =>
        hubs.map((at, i) => ({
          id: hub(i),
          roundTripMs: dead.includes(i) ? undefined : Math.hypot(at[0] - agent[0], at[1] - agent[1]),
        }))
      const linked = agents.map(
        agent => new Set(chooseHubs(distances(agent), NONE, 2).filter(id => alive.some(i => hub(i) === id))),
      )
      for (const [a, from] of agents.entries()) {
        for (const there of linked) {
          const places = distances(from).map(place => ({
            ...place,
            isLinked: linked[a]?.has(place.id) === true,
          }))
          const order = orderMeetingPlaces(places, there)
          // Nobody is asked in vain before somebody who can say yes, where that is known.
          const first = order.find(({ id }) => id !== undefined && alive.some(i => hub(i) === id))
          assert.equal(there.size > 0, alive.length > 0)
          if (there.size > 0) assert.ok(there.has(first?.id as HubId))
          assert.equal(order.length, hubs.length)
        }
      }
    }),
    { numRuns: 200 },
  )
})
