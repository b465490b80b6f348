import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFilter, sortEntities } from './filter.ts'
import { FILTER_LIMITS } from './filter-limits.ts'
import type { FilterSymbols } from './filter-symbols.ts'

const SERVICE: FilterSymbols = {
  id: { type: 'string' },
  name: { type: 'string' },
  cost: { type: 'number' },
}
const SYMBOLS: FilterSymbols = {
  id: { type: 'string' },
  name: { type: 'string' },
  comment: { type: 'string' },
  cost: { type: 'number' },
  ratio: { type: 'number' },
  isAdmin: { type: 'boolean' },
  createdAt: { type: 'datetime' },
  endedAt: { type: 'datetime' },
  'policy.name': { type: 'string' },
  roleAttributes: { type: 'string', isSet: true },
  counts: { type: 'number', isSet: true },
  nothing: { type: 'string', isSet: true },
  services: { type: 'string', of: SERVICE },
  tags: { type: 'any', isMap: true },
}
const ANN = {
  id: 'i1',
  name: 'Ann "the" Büro',
  comment: null,
  cost: 7,
  ratio: 2.5,
  isAdmin: true,
  createdAt: '2032-09-03T15:36:50.000Z',
  endedAt: null,
  policy: { name: 'default' },
  roleAttributes: ['sales', 'berlin'],
  counts: [123, 456, 789],
  nothing: [],
  services: [
    { id: 's1', name: 'web', cost: 1 },
    { id: 's2', name: 'db', cost: 9 },
  ],
  tags: { team: 'red', level: 3, open: true, 'service-id': '12', since: '2030-01-01T00:00:00Z' },
}

const HOLDS = [
  '',
  'true',
  'not false',
  'TRUE and Not FALSE',
  'name = "Ann \\"the\\" Büro"',
  'name contains "the"',
  'name not contains "THE"',
  'name icontains "THE"',
  'name not icontains "x"',
  'cost contains 7',
  'ratio contains "2.5"',
  'name < "B" and name >= "Ann" and not (name > "B")',
  'cost = 7.0 and cost != 8 and cost > -1 and cost >= 7 and cost < 7e1 and cost <= 7',
  'cost in [1, 7] and cost not in [1]',
  'name not in ["a", "b"]',
  'ratio between 2.5 and 2.6 and not ratio between 1 and 2.5',
  'cost not between 8 and 9',
  'isAdmin',
  'isAdmin = true and isAdmin != false',
  'comment = null and name != null',
  'comment != "x" and comment not contains "x" and comment not in ["x"]',
  'not (comment = "x") and not (comment < "x") and not (comment contains "x")',
  'endedAt = null and not endedAt < datetime(2040-01-01T00:00:00Z)',
  'createdAt = datetime(2032-09-03T17:36:50+02:00)',
  'createdAt between datetime( 2032-09-03T15:36:50Z ) and datetime(2032-09-03T15:36:51Z)',
  'createdAt in [datetime(2032-09-03T15:36:50Z)]',
  '\'policy.name\' = "default" and policy.name = "default"',
  'anyOf(roleAttributes) = "sales" and not anyOf(roleAttributes) = "x"',
  'anyOf(roleAttributes) != "sales"',
  'anyOf(roleAttributes) in ["x", "berlin"]',
  'allOf(counts) < 1000 and anyOf(counts) between 123 and 124 and not allOf(counts) < 500',
  'allOf(nothing) = "x" and not anyOf(nothing) != "x"',
  'count(counts) = 3 and COUNT(nothing) = 0 and count(roleAttributes) > 1',
  'isEmpty(nothing) and not isempty(counts)',
  'not isEmpty(counts) and count(counts) = 3',
  'anyOf(services.name) = "db" and allOf(services.cost) < 10 and anyOf(services) = "s2"',
  'count(services) = 2 and count(from services where cost > 5) = 1',
  'isEmpty(from services where name = "x") and not isEmpty(from services where true)',
  'anyOf(from services where cost > 5) = "s2" and allOf(from services where name = "web") = "s1"',
  'count(from services where true limit 1) = 1 and count(from services where limit none) = 2',
  'anyOf(from services where sort by cost desc limit 1) = "s2"',
  'count(from services where skip 1) = 1',
  'tags.team = "red" and tags.level = 3 and tags.open = true and tags.open and tags.service-id = "12"',
  'tags.missing = null and tags.missing != "x" and tags.team != 3 and not tags.level = "3"',
  'tags.constructor = null and not tags.missing',
  'tags.level between 3 and 4 and tags.since < datetime(2031-01-01T00:00:00Z)',
  'tags.since in [datetime(2030-01-01T00:00:00Z)]',
  'tags.team in ["red", 3] and tags.level in ["red", 3]',
  'false or false or cost = 7 and isAdmin',
  'true or false and false',
  '(((cost=7)))and(isAdmin)or(false)',
  'sort by name',
  'isAdmin sort by name desc, cost skip 1 limit 2',
]

test('matches() knows what a filter says', () => {
  for (const text of HOLDS) {
    assert.equal(parseFilter(text, SYMBOLS).matches(ANN), true, text)
    const [, condition] = /^(.*?)(?:\bsort by.*)?$/.exec(text) ?? []
    if (condition?.trim() && !condition.includes('from'))
      assert.equal(parseFilter(`not (${condition})`, SYMBOLS).matches(ANN), false, `not (${condition})`)
  }
})

const REFUSED: readonly [string, number][] = [
  ['name =', 6],
  ['name = "abc', 7],
  ['name = "a\nb"', 9],
  ['name = "a\\x"', 9],
  ['= 3', 0],
  ['name == "a"', 6],
  ["name = 'a'", 7],
  ['(true', 5],
  ['true)', 4],
  ['true true', 5],
  ['and true', 0],
  ['true or', 7],
  ['not', 3],
  ['name', 0],
  ['cost in []', 9],
  ['cost in [1', 10],
  ['cost in [1,]', 11],
  ['cost not = 1', 9],
  ['cost between 1 or 2', 15],
  ['cost between 1 and datetime(2032-09-03T15:36:50Z)', 5],
  ['name between "a" and "b"', 5],
  ['cost = "7"', 7],
  ['name = 7', 7],
  ['isAdmin < true', 8],
  ['name < null', 5],
  ['cost in [null]', 9],
  ['isAdmin contains "x"', 8],
  ['createdAt > "2032-09-03T15:36:50Z"', 12],
  ['createdAt > datetime(2032-13-03T15:36:50Z)', 12],
  ['createdAt > datetime(yesterday)', 12],
  ['roleAttributes = "a"', 0],
  ['anyOf(name) = "a"', 6],
  ['anyOf(counts)', 13],
  ['isEmpty(missing)', 8],
  ['count(from counts where true) = 1', 11],
  ['count(from services where missing = 1) = 1', 26],
  ['count(from services true) = 1', 20],
  ['services.name = "x"', 0],
  ['anyOf(services.missing) = "x"', 6],
  ['missing = 1', 0],
  ['constructor = null', 0],
  ['__proto__ = null', 0],
  ['toString.name = null', 0],
  ['tags = null', 0],
  ['cost = 1e999', 7],
  ['cost = 007', 8],
  ['cost = 1 ; drop', 9],
  ['limit 1 skip 1', 8],
  ['limit x', 6],
  ['limit 1.5', 6],
  ['skip "1"', 5],
  ['sort name', 5],
  ['sort by', 7],
  ['sort by name,', 13],
  ['sort by limit', 8],
  ['\u{1F600}', 0],
]

test('parseFilter() says at what place it stopped understanding', () => {
  for (const [text, position] of REFUSED) {
    assert.throws(() => parseFilter(text, SYMBOLS), { code: 'INVALID_FILTER', data: { position } }, text)
  }
})

test('parseFilter() takes no unknown field and no set to sort by', () => {
  for (const name of ['missing', 'roleAttributes', 'services.name', 'constructor']) {
    assert.throws(() => parseFilter(`sort by ${name}`, SYMBOLS), { code: 'INVALID_SORT_IDENTIFIER' }, name)
  }
})

test('parseFilter() reads order, skip and limit', () => {
  const read = (text: string) => {
    const { sort, skip, limit } = parseFilter(text, SYMBOLS)
    return { sort: sort.map(({ name, isDescending }) => (isDescending ? `-${name}` : name)), skip, limit }
  }
  const none = { sort: [], skip: undefined, limit: undefined }
  assert.deepEqual(read('isAdmin'), none)
  assert.deepEqual(read('SORT BY cost DESC, name asc,tags.team Skip 10 LIMIT 20'), {
    sort: ['-cost', 'name', 'tags.team'],
    skip: 10,
    limit: 20,
  })
  assert.deepEqual(read('limit none'), { ...none, limit: 500 })
  assert.deepEqual(read('true limit 501'), { ...none, limit: 500 })
  assert.deepEqual(read('limit 0'), none)
  assert.deepEqual(read('skip -1'), { ...none, skip: 0 })
})

test('sortEntities() puts null first, goes on to the next field, and keeps the order of equals', () => {
  const people = [
    { id: 'a', name: 'b', cost: 1 },
    { id: 'b', cost: 1 },
    { id: 'c', name: 'a', cost: 2 },
    { id: 'd', name: 'b', cost: 1 },
  ]
  const order = (text: string) =>
    sortEntities(people, parseFilter(`sort by ${text}`, SYMBOLS).sort).map(({ id }) => id)
  assert.deepEqual(order('name'), ['b', 'c', 'a', 'd'])
  assert.deepEqual(order('cost desc, name desc'), ['c', 'a', 'd', 'b'])
  assert.deepEqual(order('tags.x'), ['a', 'b', 'c', 'd'])
})

test('parseFilter() takes as much as its limits say, and not one more', () => {
  const { maxLength, maxDepth, maxTerms, maxSortFields } = FILTER_LIMITS
  const refused = { code: 'INVALID_FILTER' }
  const nested = (depth: number) => `${'('.repeat(depth)}true${')'.repeat(depth)}`
  parseFilter(nested(maxDepth), SYMBOLS)
  assert.throws(() => parseFilter(nested(maxDepth + 1), SYMBOLS), refused)
  assert.throws(() => parseFilter(nested(5_000), SYMBOLS), refused)
  parseFilter(`${'not '.repeat(maxDepth)}true`, SYMBOLS)
  assert.throws(() => parseFilter(`${'not '.repeat(4_000)}true`, SYMBOLS), refused)
  const terms = (count: number) => Array(count).fill('true').join(' or ')
  parseFilter(terms(maxTerms), SYMBOLS)
  assert.throws(() => parseFilter(terms(maxTerms + 1), SYMBOLS), refused)
  assert.throws(() => parseFilter(`cost in [${Array(maxTerms).fill('1').join(',')}]`, SYMBOLS), refused)
  const sorts = (count: number) => `sort by ${Array(count).fill('name').join(',')}`
  parseFilter(sorts(maxSortFields), SYMBOLS)
  assert.throws(() => parseFilter(sorts(maxSortFields + 1), SYMBOLS), refused)
  parseFilter(' '.repeat(maxLength), SYMBOLS)
  assert.throws(() => parseFilter(' '.repeat(maxLength + 1), SYMBOLS), refused)
})

test('matches() gives up a query that compares too much', () => {
  const services = Array.from({ length: 50_000 }, (_, index) => ({ id: `${index}` }))
  const { matches } = parseFilter(Array(50).fill('anyOf(services) = "x"').join(' or '), SYMBOLS)
  assert.equal(matches({ services }), false)
  assert.throws(
    () => {
      for (let round = 0; round < 2; round++) matches({ services })
    },
    { code: 'INVALID_FILTER' },
  )
})
