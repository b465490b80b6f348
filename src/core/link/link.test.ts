import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidyDialogue } from '../../testing/dialogue.ts'
import { playLink } from '../../testing/link-playbook.ts'
import { createLinkMachine } from './link.ts'

/** A dialogue with a machine of its own; chance gives the whole of each wait. `>` is said to it, the rest it answers. */
function says(bootstraps: readonly string[], script: string): void {
  assert.deepEqual(
    playLink(
      createLinkMachine(bootstraps, () => 1),
      script,
    ),
    tidyDialogue(script),
  )
}

test('start() connects, and connected() makes it online', () =>
  says(
    ['a'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 40 connected
    = online a since 40
    > 50 start                     # it runs already
    > 50 connected
    > 50 tick
  `,
  ))

test('lost() while online tries again quickly, at the same hub', () =>
  says(
    ['a', 'b'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 40 connected
    = online a since 40
    > 9000 lost link-closed
    = waiting since 9000 until 9100 (link-closed), 0 failed
    < wake 9100
    > 9100 tick
    = connecting a since 9100 (link-closed)
    < connect a
  `,
  ))

test('lost() doubles the wait up to 2 s while the hub is away, and a stable link starts it anew', () =>
  says(
    ['a'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 0 lost unreachable
    = waiting since 0 until 100 (unreachable), 1 failed
    < wake 100
    > 100 tick
    = connecting a since 100 (unreachable)
    < connect a
    > 100 lost unreachable
    = waiting since 100 until 300 (unreachable), 2 failed
    < wake 300
    > 300 tick
    = connecting a since 300 (unreachable)
    < connect a
    > 300 lost timed-out
    = waiting since 300 until 700 (timed-out), 3 failed
    < wake 700
    > 700 tick
    = connecting a since 700 (timed-out)
    < connect a
    > 700 lost unreachable
    = waiting since 700 until 1500 (unreachable), 4 failed
    < wake 1500
    > 1500 tick
    = connecting a since 1500 (unreachable)
    < connect a
    > 1500 lost unreachable
    = waiting since 1500 until 3100 (unreachable), 5 failed
    < wake 3100
    > 3100 tick
    = connecting a since 3100 (unreachable)
    < connect a
    > 3100 lost unreachable
    = waiting since 3100 until 5100 (unreachable), 6 failed
    < wake 5100
    > 5100 tick
    = connecting a since 5100 (unreachable)
    < connect a
    > 5100 lost unreachable
    = waiting since 5100 until 7100 (unreachable), 7 failed
    < wake 7100
    > 7100 tick
    = connecting a since 7100 (unreachable)
    < connect a
    > 7200 connected
    = online a since 7200
    > 12200 lost link-closed
    = waiting since 12200 until 12300 (link-closed), 0 failed
    < wake 12300
  `,
  ))

test('lost() counts a link that was up for less than 5 s as a failed try, so that a flapping hub has peace', () =>
  says(
    ['a'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 10 connected
    = online a since 10
    > 20 lost link-closed
    = waiting since 20 until 120 (link-closed), 1 failed
    < wake 120
    > 120 tick
    = connecting a since 120 (link-closed)
    < connect a
    > 130 connected
    = online a since 130
    > 140 lost link-closed
    = waiting since 140 until 340 (link-closed), 2 failed
    < wake 340
    > 340 tick
    = connecting a since 340 (link-closed)
    < connect a
    > 350 connected
    = online a since 350
    > 5349 lost link-closed        # one millisecond too early
    = waiting since 5349 until 5749 (link-closed), 3 failed
    < wake 5749
    > 5749 tick
    = connecting a since 5749 (link-closed)
    < connect a
    > 5750 connected
    = online a since 5750
    > 10750 lost link-closed
    = waiting since 10750 until 10850 (link-closed), 0 failed
    < wake 10850
  `,
  ))

test('lost() goes to the next hub when one flaps', () =>
  says(
    ['a', 'b'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 10 connected
    = online a since 10
    > 20 lost link-closed
    = waiting since 20 until 120 (link-closed), 1 failed
    < wake 120
    > 120 tick
    = connecting b since 120 (link-closed)
    < connect b
  `,
  ))

test('lost() tries all hubs of a round shortly after one another, before the longer wait', () =>
  says(
    ['a', 'b', 'c'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 0 lost unreachable
    = waiting since 0 until 100 (unreachable), 1 failed
    < wake 100
    > 100 tick
    = connecting b since 100 (unreachable)
    < connect b
    > 100 lost unreachable
    = waiting since 100 until 200 (unreachable), 2 failed
    < wake 200
    > 200 tick
    = connecting c since 200 (unreachable)
    < connect c
    > 200 lost unreachable
    = waiting since 200 until 300 (unreachable), 3 failed
    < wake 300
    > 300 tick
    = connecting a since 300 (unreachable)
    < connect a
    > 300 lost unreachable
    = waiting since 300 until 400 (unreachable), 4 failed
    < wake 400
    > 400 tick
    = connecting b since 400 (unreachable)
    < connect b
    > 400 lost unreachable
    = waiting since 400 until 500 (unreachable), 5 failed
    < wake 500
    > 500 tick
    = connecting c since 500 (unreachable)
    < connect c
    > 500 lost unreachable
    = waiting since 500 until 700 (unreachable), 6 failed
    < wake 700
  `,
  ))

test('lost() stays with the hub that worked, wherever it stands in the list', () =>
  says(
    ['a', 'b', 'c'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 0 lost unreachable
    = waiting since 0 until 100 (unreachable), 1 failed
    < wake 100
    > 100 tick
    = connecting b since 100 (unreachable)
    < connect b
    > 200 connected
    = online b since 200
    > 60000 lost link-closed
    = waiting since 60000 until 60100 (link-closed), 0 failed
    < wake 60100
    > 60100 tick
    = connecting b since 60100 (link-closed)
    < connect b
    > 60100 lost unreachable
    = waiting since 60100 until 60200 (unreachable), 1 failed
    < wake 60200
    > 60200 tick
    = connecting c since 60200 (unreachable)
    < connect c
    > 60200 lost unreachable
    = waiting since 60200 until 60300 (unreachable), 2 failed
    < wake 60300
    > 60300 tick
    = connecting a since 60300 (unreachable)
    < connect a
  `,
  ))

for (const code of ['evicted', 'not-trusted', 'certificate-expired', 'clock-skew', 'conflict']) {
  test(`lost() waits long when the only hub refuses: ${code}`, () =>
    says(
      ['a'],
      `
      > 0 start
      = connecting a since 0
      < connect a
      > 10 lost ${code}
      = waiting since 10 until 30010 (${code}), 1 failed
      < wake 30010
      > 30010 tick
      = connecting a since 30010 (${code})
      < connect a
      > 30020 lost ${code}
      = waiting since 30020 until 60020 (${code}), 2 failed
      < wake 60020
      > 60020 tick
      = connecting a since 60020 (${code})
      < connect a
      > 60020 lost unreachable
      = waiting since 60020 until 60420 (unreachable), 3 failed
      < wake 60420
    `,
    ))
}

test('lost() does not wait long when a hub is full', () =>
  says(
    ['a'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 10 lost too-many
    = waiting since 10 until 110 (too-many), 1 failed
    < wake 110
  `,
  ))

test('lost() waits long when evicted while online', () =>
  says(
    ['a'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 0 connected
    = online a since 0
    > 100000 lost evicted
    = waiting since 100000 until 130000 (evicted), 0 failed
    < wake 130000
  `,
  ))

test('lost() asks the other hubs before it believes one that refuses', () =>
  says(
    ['a', 'b'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 0 lost not-trusted           # another server on that port, say
    = waiting since 0 until 100 (not-trusted), 1 failed
    < wake 100
    > 100 tick
    = connecting b since 100 (not-trusted)
    < connect b
    > 100 lost evicted
    = waiting since 100 until 30100 (evicted), 2 failed
    < wake 30100
  `,
  ))

test('tick() asks for its wake again when it comes early', () =>
  says(
    ['a'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 0 tick
    > 0 lost unreachable
    = waiting since 0 until 100 (unreachable), 1 failed
    < wake 100
    > 99 tick
    < wake 100
    > 100 tick
    = connecting a since 100 (unreachable)
    < connect a
  `,
  ))

test('tick() connects when the clock was set back while it waited', () =>
  says(
    ['a'],
    `
    > 3600000 start
    = connecting a since 3600000
    < connect a
    > 3600000 lost unreachable
    = waiting since 3600000 until 3600100 (unreachable), 1 failed
    < wake 3600100
    > 100 tick
    = connecting a since 100 (unreachable)
    < connect a
  `,
  ))
