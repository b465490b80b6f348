import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CHANGE_KINDS } from '../../core/edge/change-kinds.ts'
import { isStale } from './stale-queries.ts'

suite('isStale()', () => {
  test('keeps what a change does not concern: other things, and other meshes', () => {
    const keys = [['status'], ['endpoints', 'home', {}], ['endpoints', 'work', {}], ['log', 'home']]
    const staleAfter = (...changes: Parameters<typeof isStale>[1]) => keys.map(key => isStale(key, changes))
    assert.deepEqual(staleAfter({ topic: 'endpoints', mesh: 'home' }), [false, true, false, false])
    assert.deepEqual(staleAfter({ topic: 'paths', mesh: 'home' }), [true, false, false, false])
    assert.deepEqual(staleAfter({ topic: 'meshes' }), [true, true, true, true])
    assert.deepEqual(staleAfter({ topic: 'of a later agent', mesh: 'home' }), [true, true, true, true])
    assert.deepEqual(staleAfter(), [false, false, false, false])
  })

  test('goes by the kinds of what changed at the controller, and by what an answer is made of', () => {
    const keys = [
      ['edge', 'home', 'identity', '', {}],
      ['edge', 'home', 'policy', '/identities/1/service-policies', {}],
      ['edge', 'home', 'signer', 'one', '1'],
      ['edge', 'work', 'identity', '', {}],
      ['edge', 'home', 'ask', '/identities/1/policy-advice/2'],
      ['users', 'home'],
      ['usage', 'home', {}],
      ['status'],
    ]
    const staleAfter = (...kinds: string[]) =>
      keys.flatMap((key, index) =>
        isStale(key, [{ topic: 'controller', mesh: 'home', kinds }]) ? index : [],
      )
    assert.deepEqual(staleAfter('identity'), [0, 1, 4])
    assert.deepEqual(staleAfter('signer'), [2])
    assert.deepEqual(staleAfter('user', 'usage'), [5, 6])
    assert.deepEqual(staleAfter('of a later controller'), [])
    assert.deepEqual(staleAfter(), [])
    // Whoever is logged in is shown beside identities, and comes and goes as an endpoint.
    assert.deepEqual(
      keys.flatMap((key, index) => (isStale(key, [{ topic: 'endpoints', mesh: 'home' }]) ? index : [])),
      [0, 5],
    )
  })

  test('leaves nothing unseen: each kind of change makes some answer stale', () => {
    const kinds = [...CHANGE_KINDS, 'ask', 'own', 'own-services']
    const keys = [
      ...kinds.map(kind => ['edge', 'home', kind, '', {}]),
      ...['users', 'groups', 'invitations', 'evictions', 'hubs', 'usage'].map(what => [what, 'home']),
    ]
    const unseen = CHANGE_KINDS.filter(
      kind => !keys.some(key => isStale(key, [{ topic: 'controller', kinds: [kind] }])),
    )
    assert.deepEqual(unseen, [])
  })
})
