import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RoleSemantic, readRoles, selectingRole, selects } from './role-match.ts'

const ANN = { id: 'i1', ids: ['i1', 'ann'], attributes: ['sales', 'berlin', 'all-day'] }

test('selects() knows attributes, names and everybody, under both semantics', () => {
  const cases: readonly [string[], RoleSemantic, string | undefined][] = [
    [[], 'AnyOf', undefined],
    [[], 'AllOf', undefined],
    [['#sales'], 'AnyOf', '#sales'],
    [['#sales', '#x'], 'AnyOf', '#sales'],
    [['#sales', '#x'], 'AllOf', undefined],
    [['#sales', '#berlin'], 'AllOf', '#sales and #berlin'],
    [['#sales', '#sales'], 'AllOf', '#sales'],
    [['#x', '@i1'], 'AllOf', '@i1'],
    [['#x', '@ann'], 'AnyOf', '@ann'],
    [['@i2'], 'AllOf', undefined],
    [['@i2'], 'AnyOf', undefined],
    [['#all'], 'AnyOf', '#all'],
    [['#all'], 'AllOf', '#all'],
    [['#x', '#all'], 'AllOf', '#all'],
    [['#sale'], 'AnyOf', undefined],
    [['#Sales'], 'AnyOf', undefined],
    [['sales', 'i1', '', '#', '@'], 'AnyOf', undefined],
    [['@sales', '#ann'], 'AnyOf', undefined],
  ]
  for (const [roles, semantic, role] of cases) {
    const shown = `${semantic} ${JSON.stringify(roles)}`
    assert.equal(selects(readRoles(roles, semantic), ANN), role !== undefined, shown)
    assert.equal(selectingRole(roles, semantic, ANN), role, shown)
  }
})

test('selects() lets an attribute that is called "all" be no more than one', () => {
  const nobody = { id: 'i2', ids: [], attributes: [] }
  assert.equal(selects(readRoles(['#all-day'], 'AnyOf'), nobody), false)
  assert.equal(selects(readRoles(['#all'], 'AllOf'), nobody), true)
  assert.equal(selects(readRoles(['@i2'], 'AllOf'), nobody), true, 'its own id is always its name')
})
