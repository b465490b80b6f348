import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ms } from '../model/time.ts'
import { createSilence, SILENCE_LOOK_MS } from './silence.ts'

const TIMES = { quietMs: 400, intervalMs: 1_600, patienceMs: 400 }

/** A connection that is looked at as an edge does. */
function watch() {
  const silence = createSilence(TIMES, ms(0))
  let now = 0
  let [receivedBytes, sentBytes] = [0, 0]
  return {
    silence,
    receive() {
      receivedBytes += 1_000
    },
    send() {
      sentBytes += 1_000
    },
    stall(spanMs: number) {
      now += spanMs
    },
    until(at: number, each = () => {}): string[] {
      const said: string[] = []
      while (now < at) {
        now += SILENCE_LOOK_MS
        each()
        const verdict = silence.look({ receivedBytes, sentBytes }, ms(now))
        if (verdict !== undefined) said.push(`${now} ${verdict}`)
      }
      return said
    },
  }
}

test('one that was busy and hears nothing is silent within 1.2 s, said once', () => {
  const one = watch()
  one.until(1_000, one.receive)
  assert.deepEqual(one.until(1_400), ['1400 ping'])
  one.silence.answered(1)
  one.until(2_000, one.receive)
  assert.deepEqual(one.until(6_000), ['2400 ping', '2800 silent'])
  assert.equal(one.silence.isSilent, true)
  one.receive()
  one.until(6_200)
  assert.equal(one.silence.isSilent, false)
})

test('one that sends and is not answered is silent, too', () => {
  const one = watch()
  one.until(1_600)
  one.silence.answered(1)
  assert.deepEqual(
    one.until(2_800, one.send).map(said => said.replace(/^\d+ /, '')),
    ['ping', 'silent'],
  )
})

test('an idle one is asked now and then', () => {
  const one = watch()
  const said: string[] = []
  for (let at = 200; at <= 8_000; at += 200) {
    const heard = one.until(at)
    said.push(...heard)
    if (heard.length > 0) one.silence.answered(1)
  }
  assert.deepEqual(said, ['1600 ping', '3200 ping', '4800 ping', '6400 ping', '8000 ping'])
})

test('a way that is long has its time, and so has a process that did not run', () => {
  const one = watch()
  one.until(1_600)
  one.silence.answered(600)
  one.until(2_000, one.receive)
  assert.deepEqual(one.until(4_200), ['2400 ping', '4200 silent'])
  const other = watch()
  other.until(1_600)
  other.silence.answered(1)
  other.until(2_000, other.receive)
  other.until(2_400)
  other.stall(10_000)
  assert.deepEqual(other.until(12_400), [])
})
