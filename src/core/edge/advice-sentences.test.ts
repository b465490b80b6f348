import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sayAdvice } from './advice-sentences.ts'

test('sayAdvice() fills places once, in parts of a sentence too, and in other words', () => {
  const sentence = {
    says: 'missService',
    values: {
      policy: '"{has}"',
      wants: { says: 'wants', values: { semantic: 'AnyOf', roles: '$& #x' } },
      has: { says: 'hasNone' },
    },
  } as const
  assert.equal(
    sayAdvice(sentence),
    'policy "{has}" selects the identity, but not the service: it wants AnyOf $& #x, the service has no attributes',
  )
  assert.equal(
    sayAdvice(sentence, key => (key === 'missService' ? '{wants}/{has}' : key)),
    'wants/hasNone',
  )
  assert.equal(
    sayAdvice({ says: 'more', values: { count: 2 } }),
    '2 more policies of type {type} select one of the two',
  )
})
