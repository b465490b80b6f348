import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFilter } from './filter.ts'
import type { FilterSymbols } from './filter-symbols.ts'
import { filterOfRoles, filterOfSearch } from './role-filter.ts'
import { readRoles, selects } from './role-match.ts'

const SYMBOLS = {
  id: { type: 'string' },
  name: { type: 'string' },
  roleAttributes: { type: 'string', isSet: true },
} satisfies FilterSymbols

const word = fc.oneof(fc.constantFrom('a', 'b', 'c', 'all'), fc.string({ maxLength: 12, unit: 'grapheme' }))

test('filterOfRoles() takes what the roles select, and nothing else', () => {
  const role = fc.tuple(fc.constantFrom('#', '@', ''), word).map(([sign, text]) => sign + text)
  const question = fc.record({
    roles: fc.array(role, { maxLength: 5 }),
    semantic: fc.constantFrom('AnyOf' as const, 'AllOf' as const),
    id: word,
    roleAttributes: fc.array(word, { maxLength: 4 }),
  })
  fc.assert(
    fc.property(question, ({ roles, semantic, id, roleAttributes }) => {
      const filter = filterOfRoles(roles, semantic)
      const isTaken =
        filter !== undefined && parseFilter(filter, SYMBOLS).matches({ id, roleAttributes, name: 'x' })
      const subject = { id, ids: [], attributes: roleAttributes }
      assert.equal(isTaken, selects(readRoles(roles, semantic), subject), filter)
    }),
    { numRuns: 2_000 },
  )
})

test('filterOfSearch() finds a text in any of the members, whatever is in it', () => {
  assert.equal(filterOfSearch('  ', ['name']), undefined)
  fc.assert(
    fc.property(fc.string({ maxLength: 20, unit: 'grapheme' }), text => {
      const filter = filterOfSearch(text, ['id', 'name'])
      if (filter === undefined) return
      assert.equal(
        parseFilter(filter, SYMBOLS).matches({ id: '', name: `x${text}y`, roleAttributes: [] }),
        true,
        filter,
      )
    }),
  )
})
