import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseListQuery, takePage } from './list-query.ts'

const SYMBOLS = { name: { type: 'string' }, cost: { type: 'number' } } as const
const ALL = Array.from({ length: 1_200 }, (_, index) => ({ name: `n${index}`, cost: index % 3 }))

function page(parameters: Parameters<typeof parseListQuery>[0]) {
  const { entities, pagination } = takePage(ALL, parseListQuery(parameters, SYMBOLS))
  return { first: entities[0]?.name, count: entities.length, ...pagination }
}

test('takePage() gives ten from the start unless told otherwise, and at most 500', () => {
  assert.deepEqual(page({}), { first: 'n0', count: 10, limit: 10, offset: 0, totalCount: 1_200 })
  assert.deepEqual(page({ limit: '-1' }).limit, 10)
  assert.deepEqual(page({ limit: '0' }).limit, 10)
  assert.deepEqual(page({ limit: '501' }).count, 500)
  assert.deepEqual(page({ limit: 'none', offset: '1199' }), {
    first: 'n1199',
    count: 1,
    limit: 500,
    offset: 1_199,
    totalCount: 1_200,
  })
  assert.equal(page({ filter: 'limit none' }).count, 500)
  assert.deepEqual(page({ offset: '5000' }), {
    first: undefined,
    count: 0,
    limit: 10,
    offset: 5_000,
    totalCount: 1_200,
  })
})

test('takePage() counts what the filter takes', () => {
  assert.deepEqual(page({ filter: 'cost = 1 sort by name desc skip 1 limit 2' }), {
    first: 'n994',
    count: 2,
    limit: 2,
    offset: 1,
    totalCount: 400,
  })
})

test('parseListQuery() lets a parameter go before what the filter says', () => {
  const filter = 'sort by name desc skip 7 limit 2'
  assert.deepEqual(page({ filter, sort: 'cost desc, name', limit: '3', offset: '0' }), {
    first: 'n1001',
    count: 3,
    limit: 3,
    offset: 0,
    totalCount: 1_200,
  })
})

test('parseListQuery() refuses what it cannot read, by its code', () => {
  const codes = [
    [{ limit: 'ten' }, 'INVALID_PAGINATION'],
    [{ limit: '1.5' }, 'INVALID_PAGINATION'],
    [{ offset: '-1' }, 'INVALID_PAGINATION'],
    [{ offset: '9'.repeat(400) }, 'INVALID_PAGINATION'],
    [{ offset: 'none' }, 'INVALID_PAGINATION'],
    [{ sort: 'missing' }, 'INVALID_SORT_IDENTIFIER'],
    [{ sort: 'name desc desc' }, 'INVALID_SORT_IDENTIFIER'],
    [{ sort: '(' }, 'INVALID_SORT_IDENTIFIER'],
    [{ filter: 'sort by missing' }, 'INVALID_SORT_IDENTIFIER'],
    [{ filter: 'name = ' }, 'INVALID_FILTER'],
  ] as const
  for (const [parameters, code] of codes)
    assert.throws(() => parseListQuery(parameters, SYMBOLS), { code }, JSON.stringify(parameters))
})
