import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EndpointId, parseEndpointId } from '../core/model/ids.ts'
import { parseServiceName } from '../core/model/names.ts'
import { createInterests, MAX_INTERESTS } from './interests.ts'

const [A, B] = ['a', 'b'].map(letter => parseEndpointId(`00000000-0000-4000-8000-00000000000${letter}`)) as [
  EndpointId,
  EndpointId,
]
const service = (name: string | number) => parseServiceName(`tcp/${name}`)

test('createInterests() gives each endpoint once that asked for one of the services', () => {
  const interests = createInterests()
  interests.note(A, service('web'))
  interests.note(A, service('ssh'))
  interests.note(B, service('ssh'))
  assert.deepEqual(interests.of([service('web'), service('ssh')]), [A, B])
  assert.deepEqual(interests.of([service('other')]), [])
})

test('createInterests() forgets an endpoint whose link is gone', () => {
  const interests = createInterests()
  interests.note(A, service('web'))
  interests.note(B, service('web'))
  interests.forget(A)
  assert.deepEqual(interests.of([service('web')]), [B])
})

test('createInterests() lets the oldest service go at its limit', () => {
  const interests = createInterests()
  for (let i = 0; i <= MAX_INTERESTS; i += 1) interests.note(A, service(i))
  assert.deepEqual([interests.of([service(0)]), interests.of([service(1)])], [[], [A]])
})
