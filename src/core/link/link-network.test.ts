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

test('networkChanged() connects at once when waiting, and its old wake does no harm', () =>
  says(
    ['a'],
    `
    > 0 network                    # stopped
    > 0 start
    = connecting a since 0
    < connect a
    > 10 lost evicted
    = waiting since 10 until 30010 (evicted), 1 failed
    < wake 30010
    > 500 network
    = connecting a since 500 (evicted)
    < connect a
    > 600 lost unreachable         # what failed in the old network does not count
    = waiting since 600 until 700 (unreachable), 1 failed
    < wake 700
    > 650 tick
    < wake 700
    > 660 network
    = connecting a since 660 (unreachable)
    < connect a
    > 900 connected
    = online a since 900
    > 901 network
    > 30010 tick
  `,
  ))

test('networkChanged() begins a try again, with the same hub, but not all the time', () =>
  says(
    ['a', 'b'],
    `
    > 0 start
    = connecting a since 0
    < connect a
    > 5 network
    = connecting a since 5
    < connect a
    > 1005 network
    > 4000 lost unreachable
    = waiting since 4000 until 4100 (unreachable), 1 failed
    < wake 4100
    > 4100 tick
    = connecting b since 4100 (unreachable)
    < connect b
    > 5005 network
    = connecting b since 5005 (unreachable)
    < connect b
  `,
  ))
