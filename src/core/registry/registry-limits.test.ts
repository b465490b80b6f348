import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidyDialogue } from '../../testing/dialogue.ts'
import { playRegistry } from '../../testing/registry-playbook.ts'
import { toMeshError } from '../model/errors.ts'
import type { EndpointId, LinkId } from '../model/ids.ts'
import { ms } from '../model/time.ts'
import { createRegistry, type HalfId, REGISTRY_LIMITS, type RegistryLimits } from './registry.ts'

/** A dialogue with a registry that has one limit lower than a hub's. */
function says(limits: Partial<RegistryLimits>, script: string): void {
  const registry = createRegistry({ ...REGISTRY_LIMITS, ...limits })
  assert.deepEqual(playRegistry(registry, script), tidyDialogue(script))
}

test('linkOpened() closes the new link when there are maxLinks, but lets an endpoint come again', () =>
  says(
    { maxLinks: 2 },
    `
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 link 3 carol
    < close 3 too-many
    > 0 link 4 bob
    < close 2 conflict
    > 0 unlink 3
    > 0 unlink 2
    > 0 unlink 1
    > 1 link 5 carol
    > 1 link 6 alice
    < close 6 too-many
    > 1 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `,
  ))

test('askRelay() throws at maxOpenTicketsPerEndpoint, until a ticket is used, given up or expired', () =>
  says(
    { maxOpenTicketsPerEndpoint: 2 },
    `
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob A
    < send 2 introduce alice A
    < wake 10000
    > 1 ask alice bob B
    < send 2 introduce alice B
    > 2 ask alice bob C
    ! too-many
    > 2 ask bob alice D            # another's tickets are another's
    < send 1 introduce bob D
    > 3 present 7 A dial           # half is not used
    > 3 ask alice bob C
    ! too-many
    > 3 drop 7
    > 4 ask alice bob C
    < send 2 introduce alice C
    > 5 present 8 C dial
    > 5 present 9 C accept
    < join 1: 8 9
    > 6 ask alice bob E
    < send 2 introduce alice E
    > 6 ask alice bob F
    ! too-many
    > 10001 tick
    < wake 10002
    > 10001 ask alice bob F
    < send 2 introduce alice F
  `,
  ))

test('askRelay() throws at maxRelaysPerEndpoint for who asked, not for who was asked', () =>
  says(
    { maxRelaysPerEndpoint: 1 },
    `
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 link 3 carol
    > 0 ask alice bob A
    < send 2 introduce alice A
    < wake 10000
    > 0 present 1 A dial
    > 0 present 2 A accept
    < join 1: 1 2
    > 1 ask alice bob B
    ! too-many
    > 1 ask alice carol B
    ! too-many
    > 1 ask carol bob C            # bob is popular
    < send 2 introduce carol C
    < wake 10001
    > 1 present 3 C dial
    > 1 present 4 C accept
    < join 2: 3 4
    > 1 ask bob alice D            # and may dial nevertheless
    < send 1 introduce bob D
    < wake 10001
    > 2 done 1
    > 2 ask alice bob B
    < send 2 introduce alice B
  `,
  ))

test('present() refuses both halves at maxRelaysPerEndpoint when more tickets were hoarded', () =>
  says(
    { maxRelaysPerEndpoint: 1 },
    `
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob A
    < send 2 introduce alice A
    < wake 10000
    > 0 ask alice bob B
    < send 2 introduce alice B
    > 0 present 1 A dial
    > 0 present 2 A accept
    < join 1: 1 2
    > 1 present 3 B accept
    > 1 present 4 B dial
    < refuse 4 too-many
    < refuse 3 too-many
    > 1 count
    = 2 links, 1 relays, 0 tickets, 6 entries
  `,
  ))

test('askRelay() and present() keep to maxRelays for all endpoints together', () =>
  says(
    { maxRelays: 1 },
    `
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob A
    < send 2 introduce alice A
    < wake 10000
    > 0 ask bob alice B
    < send 1 introduce bob B
    > 0 present 1 A dial
    > 0 present 2 A accept
    < join 1: 1 2
    > 1 present 3 B dial
    > 1 present 4 B accept
    < refuse 3 too-many
    < refuse 4 too-many
    > 1 ask bob alice C
    ! too-many
    > 2 evict alice                # a cut relay counts until it is closed
    < close 1 evicted
    < cut 1
    > 2 link 5 carol
    > 2 ask bob carol C
    ! too-many
    > 3 done 1
    > 3 ask bob carol C
    < send 5 introduce bob C
    < wake 10003
  `,
  ))

test('present() keeps nothing of the tickets that a stranger guesses', () => {
  const registry = createRegistry()
  for (let half = 1; half <= 10_000; half++) {
    const actions = registry.present(half as HalfId, `guess ${half}`, 'dial', undefined, ms(half))
    assert.equal(actions.length, 1)
  }
  assert.equal(registry.entryCount, 0)
})

test('askRelay() keeps no more than its limits of an endpoint that asks for ever', () => {
  const registry = createRegistry()
  const [alice, bob] = ['alice' as EndpointId, 'bob' as EndpointId]
  registry.linkOpened(1 as LinkId, alice)
  registry.linkOpened(2 as LinkId, bob)
  let largest = 0
  const codes = new Map<string, number>()
  for (let now = 0; now < 60_000; now++) {
    try {
      if (now % 1_000 === 0) registry.tick(ms(now))
      registry.askRelay(alice, bob, `ticket ${now}`, ms(now))
    } catch (error) {
      const { code } = toMeshError(error)
      codes.set(code, (codes.get(code) ?? 0) + 1)
    }
    largest = Math.max(largest, registry.entryCount)
  }
  // Four of the links, one count, and the tickets: 64 every 10 s.
  assert.deepEqual({ largest, codes: [...codes] }, { largest: 69, codes: [['too-many', 60_000 - 6 * 64]] })
})
