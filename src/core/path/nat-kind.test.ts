import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EchoResult, natKindOf } from './nat-kind.ts'

const OWN = [
  { host: '192.168.1.5', port: 7000 },
  { host: '203.0.113.7', port: 7000 },
]
const hubs = [
  { host: '198.51.100.1', port: 443 },
  { host: '198.51.100.1', port: 444 },
] as const
const outer = (port: number) => ({ host: '192.0.2.9', port })
const asked = (...seen: EchoResult['seen'][]): EchoResult[] =>
  seen.map((one, i) => ({ asked: hubs[i] ?? assert.fail(), seen: one }))

test('natKindOf() sees no NAT where the address seen is our own', () => {
  assert.equal(natKindOf(OWN, asked(OWN[1], OWN[1])), 'none')
  assert.equal(natKindOf(OWN, asked(OWN[1])), 'none')
  assert.equal(natKindOf(OWN, asked({ host: '::ffff:203.0.113.7', port: 7000 })), 'none')
})

test('natKindOf() sees a NAT with one address for all, also when it keeps the port', () => {
  assert.equal(natKindOf(OWN, asked(outer(7000), outer(7000))), 'endpoint-independent')
  assert.equal(natKindOf(OWN, asked(outer(9), { host: '::ffff:192.0.2.9', port: 9 })), 'endpoint-independent')
})

test('natKindOf() sees a symmetric NAT where port or address differ', () => {
  assert.equal(natKindOf(OWN, asked(outer(1), outer(2))), 'symmetric')
  assert.equal(natKindOf(OWN, asked(outer(1), { host: '192.0.2.10', port: 1 })), 'symmetric')
  assert.equal(natKindOf(OWN, asked(OWN[1], outer(7000))), 'symmetric')
})

test('natKindOf() sees that UDP is blocked where nobody answers', () => {
  assert.equal(natKindOf(OWN, asked(undefined, undefined)), 'blocked')
})

test('natKindOf() does not guess from one answer, two of one port, or none asked', () => {
  assert.equal(natKindOf(OWN, []), 'unknown')
  assert.equal(natKindOf(OWN, asked(outer(1), undefined)), 'unknown')
  const same = { asked: hubs[0], seen: outer(1) }
  assert.equal(natKindOf(OWN, [same, same]), 'unknown')
})
