import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidyDialogue } from '../../testing/dialogue.ts'
import { playRegistry } from '../../testing/registry-playbook.ts'
import { createRegistry } from './registry.ts'

/** Each dialogue is with a registry of its own, with the limits of a hub. `>` is said to it, the rest is its answer. */
function says(script: string): void {
  assert.deepEqual(playRegistry(createRegistry(), script), tidyDialogue(script))
}

test('evict() closes the link, refuses halves and cuts relays of that endpoint, and of no other', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 link 3 carol
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 0 ask carol bob U
    < send 2 introduce carol U
    > 0 ask bob carol V
    < send 3 introduce bob V
    > 0 ask carol alice W
    < send 1 introduce carol W
    > 1 present 7 T dial
    > 1 present 8 T accept
    < join 1: 7 8
    > 1 present 9 U accept         # bob waits for carol
    > 1 present 10 W dial          # carol waits for alice
    > 1 present 11 V accept
    > 2 evict bob
    < close 2 evicted
    < refuse 9 evicted
    < refuse 11 evicted
    < cut 1
    > 3 present 12 U dial
    < refuse 12 bad-ticket
    > 3 present 13 W accept
    < join 2: 10 13
    > 4 unlink 2                   # the edge reports what it was told to close
    > 4 drop 9
    > 4 drop 11
    > 4 done 1
    > 5 done 2
    > 5 unlink 1
    > 5 unlink 3
    > 5 count
    = 0 links, 0 relays, 0 tickets, 0 entries
  `))

test('evict() puts out several at once, those without a link too, and each once', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 1 present 8 T accept
    < join 1: 7 8
    > 2 unlink 2
    > 3 evict bob bob alice
    < close 1 evicted
    < cut 1
    > 4 done 1
    > 4 count
    = 0 links, 0 relays, 0 tickets, 0 entries
  `))

test('evict() in the middle of a join leaves nothing to join', () =>
  says(`
    > 0 link 1 alice
    > 0 link 2 bob
    > 0 ask alice bob T
    < send 2 introduce alice T
    < wake 10000
    > 1 present 7 T dial
    > 1 evict alice
    < close 1 evicted
    < refuse 7 evicted
    > 1 present 8 T accept
    < refuse 8 bad-ticket
    > 2 link 3 alice               # admitted again
    > 2 ask alice bob U
    < send 2 introduce alice U
    < wake 10002
  `))
