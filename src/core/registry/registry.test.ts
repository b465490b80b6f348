import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidyDialogue } from '../../testing/dialogue.ts'
import { playRegistry } from '../../testing/registry-playbook.ts'
import { createRegistry } from './registry.ts'

/** Each dialogue is with a registry of its own, with the limits of a hub. `>` is said to it, the rest is its answer. */
function says(script: string): void {
  assert.deepEqual(playRegistry(createRegistry(), script), tidyDialogue(script))
}

test('askRelay() introduces two endpoints, and present() joins them', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 100 ask alice bob T
    < send 2 introduce alice T
    < wake 10100
    > 130 present 7 T dial
    > 140 present 8 T accept
    < join 1: 7 8
    > 900 count
    = 2 links, 1 relays, 0 tickets, 6 entries
    > 900 done 1
    > 900 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `))

test('present() joins dialling side to accepting side when the accepting side came first', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T accept
    > 2 present 8 T dial
    < join 1: 8 7
  `))

test('present() keeps tickets apart when two are open between the same endpoints', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 0 ask bob alice U
    < send 1 introduce bob U
    > 1 present 7 T dial
    > 1 present 8 U dial
    > 2 present 9 U accept
    < join 1: 8 9
    > 3 present 10 T accept
    < join 2: 7 10
  `))

test('present() refuses a ticket that nobody asked for', () =>
  says(`
    > 0 present 7 T dial
    < refuse 7 bad-ticket
    > 0 count
    = 0 links, 0 relays, 0 tickets, 0 entries
  `))

test('present() refuses a ticket that was used', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 1 present 8 T accept
    < join 1: 7 8
    > 2 present 9 T dial
    < refuse 9 bad-ticket
    > 2 present 9 T accept
    < refuse 9 bad-ticket
  `))

test('present() refuses the second of two on the same side, and the first waits on', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T accept
    > 2 present 8 T accept
    < refuse 8 bad-ticket
    > 3 present 9 T dial
    < join 1: 9 7
  `))

test('present() refuses a half that came over the link of another endpoint', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 link 3 eve
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial eve      # nobody's
    < refuse 7 bad-ticket
    > 1 present 8 T dial bob      # the other side's
    < refuse 8 bad-ticket
    > 1 present 9 T accept alice
    < refuse 9 bad-ticket
    > 2 present 10 T dial alice
    > 2 present 11 T accept bob
    < join 1: 10 11
  `))

test('tick() refuses the half that waits when its ticket expires', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 9999 tick
    < wake 10000
    > 10000 tick
    < refuse 7 timed-out
    > 10001 present 8 T accept
    < refuse 8 bad-ticket
    > 10001 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `))

test('tick() asks to be woken for the next ticket when others are open', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 500 ask alice bob U
    < send 2 introduce alice U
    > 600 present 7 T dial
    > 600 present 8 T accept
    < join 1: 7 8
    > 10000 tick                   # nothing expires, and U must not be forgotten
    < wake 10500
    > 10500 tick
    > 10500 count
    = 2 links, 1 relays, 0 tickets, 6 entries
  `))

test('present() refuses halves whose ticket expired before the wake came', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 10005 present 8 T accept
    < refuse 7 timed-out
    < refuse 8 bad-ticket
  `))

test('askRelay() does not lose the refusal of a half that expired when it throws', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 10001 ask alice carol U
    ! offline
    > 10001 tick
    < refuse 7 timed-out
  `))

test('tick() lets tickets expire when the clock is set back', () =>
  says(`
    > 3600000 link 1 alice
    > 3600000 link 2 bob
    > 3600000 ask alice bob T
    < send 2 introduce alice T
    < wake 3610000
    > 3600001 present 7 T dial
    > 5 tick                       # an hour back
    < refuse 7 timed-out
    > 5 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `))

test('askRelay() throws when the endpoint has no link, and keeps nothing', () =>
  says(`
    > 0 link 1 alice
    > 0 ask alice bob T
    ! offline
    > 0 link 2 bob
    > 0 unlink 2
    > 0 ask alice bob U
    ! offline
    > 0 count
    = 1 links, 0 relays, 0 tickets, 2 entries
  `))

test('askRelay() throws when the asking endpoint has no link any more', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 evict alice
    < close 1 evicted
    > 1 ask alice bob T            # a request that was on its way
    ! offline
    > 1 count
    = 1 links, 0 relays, 0 tickets, 2 entries
  `))

test('askRelay() throws when the ticket is one that is open', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 ask bob alice T
    ! bug
    > 2 present 7 T dial alice
    > 2 present 8 T accept bob
    < join 1: 7 8
    > 3 done 1
    > 3 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `))

test('halfClosed() uses the ticket up', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 2 drop 7
    > 3 present 8 T dial
    < refuse 8 bad-ticket
    > 3 present 9 T accept
    < refuse 9 bad-ticket
    > 3 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `))

test('halfClosed() and relayClosed() of what is gone change nothing', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 1 present 8 T accept
    < join 1: 7 8
    > 2 drop 7                     # joined: the relay speaks for it now
    > 2 drop 8
    > 2 drop 99
    > 2 done 99
    > 2 unlink 99
    > 2 count
    = 2 links, 1 relays, 0 tickets, 6 entries
    > 3 done 1
    > 3 done 1
    > 3 count
    = 2 links, 0 relays, 0 tickets, 4 entries
  `))

test('linkOpened() closes the older link of the same endpoint, whose end does not take the newer away', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 5 link 3 bob
    < close 2 conflict
    > 6 unlink 2
    > 7 ask alice bob T
    < send 3 introduce alice T
    < wake 10007
    > 8 unlink 3
    > 8 count
    = 1 links, 0 relays, 1 tickets, 4 entries
  `))

test('linkClosed() leaves tickets and relays alone: they have connections of their own', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 0 ask alice bob U
    < send 2 introduce alice U
    > 1 present 7 T dial
    > 1 present 8 T accept
    < join 1: 7 8
    > 2 unlink 1
    > 2 unlink 2
    > 3 present 9 U dial
    > 3 present 10 U accept
    < join 2: 9 10
    > 4 done 2
    > 4 done 1
    > 4 count
    = 0 links, 0 relays, 0 tickets, 0 entries
  `))

test('linkOpened() tells of those who are waiting: the older link may have been dead', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 1 ask alice bob T
    < send 2 introduce alice T
    < wake 10001
    > 2 ask alice bob U
    < send 2 introduce alice U
    > 3 present 1 T dial
    > 4 present 2 U accept
    > 5 link 3 bob
    < close 2 conflict
    < send 3 introduce alice T
    > 6 present 3 T accept
    < join 1: 1 3
    > 7 link 4 bob
    < close 3 conflict
  `))

test('broadcast() tells every link, or those of some endpoints, each once', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 link 3 bob
    < close 2 conflict
    > 1 tell
    < send 1 draining
    < send 3 draining
    > 1 tell bob carol bob
    < send 3 draining
  `))

test('linkOf() names the link of an endpoint while it has one', () => {
  const registry = createRegistry()
  playRegistry(registry, '> 0 link 1 alice\n> 0 link 2 alice\n> 0 link 3 bob\n> 0 unlink 1\n> 0 unlink 3')
  const linkOf = (endpoint: string) => registry.linkOf(endpoint as Parameters<typeof registry.linkOf>[0])
  assert.deepEqual(['alice', 'bob', 'carol'].map(linkOf), [2, undefined, undefined])
})
