import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointId } from '../model/ids.ts'
import { ms } from '../model/time.ts'
import { createMeetingLimit, MEETING_BURST } from './meeting-limit.ts'

const ANN = '0d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId
const BOB = '1d2f9d0e-6f53-4a52-9a4b-0b6f0d9d7c11' as EndpointId

test('take() lets a peer be met a few times at once, then now and then, and others all the same', () => {
  const limit = createMeetingLimit()
  const taken = (peer: EndpointId, atMs: number, tries: number) =>
    Array.from({ length: tries }, () => limit.take(peer, ms(atMs))).filter(Boolean).length
  assert.deepEqual(
    [
      taken(ANN, 0, 1_000),
      taken(BOB, 0, 1),
      taken(ANN, 4_000, 10),
      taken(ANN, 5_100, 10),
      taken(ANN, 65_100, 1_000),
    ],
    [MEETING_BURST, 1, 0, 1, MEETING_BURST],
  )
})

test('take() remembers no more peers than it must', () => {
  const limit = createMeetingLimit()
  for (let i = 0; i < MEETING_BURST; i += 1) limit.take(ANN, ms(0))
  for (let i = 0; i < 20_000; i += 1) limit.take(`peer ${i}` as EndpointId, ms(0))
  // Forgotten, as so many others came: that is the price of a bound.
  assert.equal(limit.take(ANN, ms(0)), true)
})
