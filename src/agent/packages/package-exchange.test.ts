import assert from 'node:assert/strict'
import { duplexPair } from 'node:stream'
import { test } from 'node:test'
import { parseUserName } from '../../core/model/names.ts'
import { assertRefused } from '../../testing/refusal.ts'
import { packageService, readPackageBytes } from './package-exchange.ts'

const QUICK = { fetchIdleMs: 50, fetchBytesPerMs: 1_000 }

test('readPackageBytes() takes the bytes that were signed, in whatever pieces they come', async () => {
  const [near, far] = duplexPair()
  const whole = Buffer.from('0123456789'.repeat(30_000))
  const told: number[] = []
  const read = readPackageBytes(near, whole.length, undefined, size => told.push(size))
  for (let at = 0; at < 1_000; at++) far.write(whole.subarray(at, at + 1))
  far.end(whole.subarray(1_000))
  assert.ok(Buffer.from(await read).equals(whole))
  assert.equal(told.at(-1), whole.length)
  assert.ok(told.every((size, at) => size > (told[at - 1] ?? 0)))
})

test('readPackageBytes() gives up a holder that sends too much, too little, nothing, or byte by byte for ever', async () => {
  const [tooMuch, giver] = duplexPair()
  giver.end('12345')
  await assertRefused(readPackageBytes(tooMuch, 4), 'too-large')
  const [tooLittle, miser] = duplexPair()
  miser.end('123')
  await assertRefused(readPackageBytes(tooLittle, 4), 'link-closed')
  const [silence] = duplexPair()
  await assertRefused(readPackageBytes(silence, 4, QUICK), 'timed-out', /silent/)
  const [trickle, dripper] = duplexPair()
  dripper.on('error', () => {})
  const drip = setInterval(() => dripper.writable && dripper.write('x'), 5)
  await assertRefused(
    readPackageBytes(trickle, 30_000_000, { fetchIdleMs: 50, fetchBytesPerMs: 1e9 }),
    'timed-out',
    /slow/,
  )
  clearInterval(drip)
  assert.equal(trickle.destroyed, true)
})

test('packageService() is one name for each package and holder, short whatever they are called', () => {
  const [hash, long] = ['a'.repeat(64), parseUserName('u'.repeat(64))]
  const names = [
    packageService(hash, long),
    packageService(hash, parseUserName('bob')),
    packageService('b'.repeat(64), long),
  ]
  assert.equal(new Set(names).size, 3)
  for (const name of names) assert.match(name, /^tcp\/\.package\.[0-9a-f]{24}\.[0-9a-f]{24}$/)
})
