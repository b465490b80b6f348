import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tidyDialogue } from '../../testing/dialogue.ts'
import { playLink } from '../../testing/link-playbook.ts'
import { createLinkMachine } from './link.ts'

/** A dialogue with a machine that has one bootstrap; chance gives the whole of each wait. */
function says(script: string): void {
  assert.deepEqual(
    playLink(
      createLinkMachine(['a'], () => 1),
      script,
    ),
    tidyDialogue(script),
  )
}

test('certified() has the certificate renewed at two thirds of its life', () =>
  says(`
    > 0 certified 0 90000
    > 0 start
    = connecting a since 0
    < connect a
    > 10 connected
    = online a since 10
    < wake 60000
    > 59999 tick
    < wake 60000
    > 60000 tick
    < renew
    > 60001 tick                   # it is being renewed
    > 60500 certified 60500 150500
    < wake 120500
    > 120500 tick
    < renew
  `))

test('certified() counts from when the certificate was issued, not from when it is used', () =>
  says(`
    > 50000 certified 0 90000
    > 50000 start
    = connecting a since 50000
    < connect a
    > 50010 connected
    = online a since 50010
    < wake 60000
  `))

test('connected() renews at once when two thirds passed while offline', () =>
  says(`
    > 0 certified 0 90000
    > 0 start
    = connecting a since 0
    < connect a
    > 0 lost unreachable
    = waiting since 0 until 100 (unreachable), 1 failed
    < wake 100
    > 70000 tick                   # the computer slept
    = connecting a since 70000 (unreachable)
    < connect a
    > 70010 connected
    = online a since 70010
    < renew
  `))

test('renewFailed() tries again after 1 s, doubled up to a minute, and a success starts it anew', () =>
  says(`
    > 0 certified 0 90000
    > 0 start
    = connecting a since 0
    < connect a
    > 10 connected
    = online a since 10
    < wake 60000
    > 60000 tick
    < renew
    > 60000 renewFailed
    < wake 61000
    > 61000 tick
    < renew
    > 61000 renewFailed
    < wake 63000
    > 63000 tick
    < renew
    > 63000 renewFailed
    < wake 67000
    > 67000 tick
    < renew
    > 67000 renewFailed
    < wake 75000
    > 75000 tick
    < renew
    > 75000 renewFailed
    < wake 91000
    > 91000 tick
    < renew
    > 91000 renewFailed
    < wake 123000
    > 123000 tick
    < renew
    > 123000 renewFailed
    < wake 183000
    > 183000 tick
    < renew
    > 183000 renewFailed
    < wake 243000
    > 243000 tick
    < renew
    > 243000 certified 243000 333000
    < wake 303000
    > 303000 tick
    < renew
    > 303000 renewFailed
    < wake 304000
  `))

test('renewFailed() as the link ends renews when there is a link again', () =>
  says(`
    > 0 certified 0 90000
    > 0 start
    = connecting a since 0
    < connect a
    > 10 connected
    = online a since 10
    < wake 60000
    > 60000 tick
    < renew
    > 60010 lost link-closed
    = waiting since 60010 until 60110 (link-closed), 0 failed
    < wake 60110
    > 60010 renewFailed
    < wake 60110
    > 60110 tick
    = connecting a since 60110 (link-closed)
    < connect a
    > 60200 connected              # a second has not passed yet
    = online a since 60200
    < wake 61010
    > 61010 tick
    < renew
  `))

test('certified() does not renew as fast as it can when each new certificate is due at once', () =>
  says(`
    > 70000 certified 0 90000
    > 70000 start
    = connecting a since 70000
    < connect a
    > 70010 connected
    = online a since 70010
    < renew
    > 70020 certified 70020 70020
    < wake 71020
    > 71020 tick
    < renew
    > 71030 certified 0 90000
    < wake 72030
  `))

test('stop() ends everything, and what the edge still says changes nothing', () =>
  says(`
    > 0 certified 0 90000
    > 0 stop
    > 0 start
    = connecting a since 0
    < connect a
    > 5 stop
    = stopped
    > 6 connected
    > 6 lost link-closed
    > 6 renewFailed
    > 70000 certified 0 90000
    > 70000 network
    > 70000 tick
    > 70001 start
    = connecting a since 70001
    < connect a
    > 70002 lost unreachable
    = waiting since 70002 until 70102 (unreachable), 1 failed
    < wake 70102
    > 70010 stop
    = stopped
    > 70102 tick
  `))
