import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AGENT_OWN_HUB_ROUTES } from './own-hub-api.ts'

const parse = (names: readonly string[]) => AGENT_OWN_HUB_ROUTES.startOwnHub.body.safeParse({ names })

test('names of a hub become words of a command line: none is an option of it, or more than one word', () => {
  const good = ['1.2.3.4:8888', 'hub.example:1', '[2001:db8::1]:8888', '家.example:8888']
  assert.deepEqual(
    good.map(name => parse([name]).success),
    good.map(() => true),
  )
  const bad = [
    '--commerce-url=http://x:1',
    '-x:1',
    'a b:1',
    'a;b:1',
    '$(x):1',
    'a',
    ':1',
    'a:1\nb:2',
    '',
    'a:1 --workers',
  ]
  assert.deepEqual(
    bad.map(name => parse([name]).success),
    bad.map(() => false),
  )
  assert.equal(parse([]).success, false)
  assert.equal(parse(Array.from({ length: 9 }, (_, i) => `h${i}:1`)).success, false)
})
