import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSeededRandom, type SeededRandom, withSeed } from '../../testing/seeded-random.ts'
import { EdgeError } from './edge-error.ts'
import { parseFilter } from './filter.ts'
import type { FilterSymbols } from './filter-symbols.ts'

const RUNS = Number(process.env.ZTM_FUZZ_RUNS ?? 20_000)
const ITEM: FilterSymbols = { id: { type: 'string' }, n: { type: 'number' } }
const SYMBOLS: FilterSymbols = {
  s: { type: 'string' },
  n: { type: 'number' },
  b: { type: 'boolean' },
  d: { type: 'datetime' },
  words: { type: 'string', isSet: true },
  items: { type: 'string', of: ITEM },
  tags: { type: 'any', isMap: true },
}

interface Item {
  readonly id: string
  readonly n: number | null
}
interface Entity {
  readonly s: string | null
  readonly n: number | null
  readonly b: boolean | null
  /** ms */
  readonly d: number | null
  readonly words: readonly string[]
  readonly items: readonly Item[]
  readonly tags: Readonly<Record<string, string | number>>
}

/** An expression as text, and what it means, said in another way than by the program. */
interface Claim {
  readonly text: string
  holds(entity: Entity): boolean
}

function createChance(random: SeededRandom) {
  const below = (count: number) => Math.floor(random() * count)
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T
  const list = <T>(most: number, make: () => T): T[] => Array.from({ length: below(most + 1) }, make)
  const maybe = <T>(make: () => T): T | null => (below(4) === 0 ? null : make())
  return { below, one, list, maybe }
}
type Chance = ReturnType<typeof createChance>

const TEXTS = ['', 'a', 'ab', 'A', 'b"\\', '1', 'Ü']
const NUMBERS = [-1, 0, 1, 2, 2.5, 10]
const TIMES = [0, 1_000, 1_500, 86_400_000]

function drawEntity({ one, list, maybe, below }: Chance): Entity {
  return {
    s: maybe(() => one(TEXTS)),
    n: maybe(() => one(NUMBERS)),
    b: maybe(() => below(2) === 0),
    d: maybe(() => one(TIMES)),
    words: list(3, () => one(TEXTS)),
    items: list(3, () => ({ id: one(TEXTS), n: maybe(() => one(NUMBERS)) })),
    tags: Object.fromEntries(list(2, () => [one(['k', 'l-m']), one([...TEXTS, ...NUMBERS])])),
  }
}

type Value = string | number
interface ValueClaim {
  readonly text: string
  of(value: Value | null): boolean
}

const write = (value: Value, isTime: boolean) =>
  isTime ? `datetime(${new Date(value).toISOString()})` : JSON.stringify(value)

/** Something said of one value of strings, numbers or times. */
function drawTest(chance: Chance, type: 'string' | 'number' | 'time'): ValueClaim {
  const { one, below } = chance
  const values: readonly Value[] = type === 'string' ? TEXTS : type === 'number' ? NUMBERS : TIMES
  const text = (value: Value) => write(value, type === 'time')
  const no = below(2) === 0
  const not = no ? 'not ' : ''
  const kind = one(['sign', 'sign', 'null', 'in', type === 'string' ? 'contains' : 'between'])
  if (kind === 'null') {
    const sign = one(['=', '!='])
    return { text: `${sign} null`, of: value => (value === null ? sign === '=' : sign === '!=') }
  }
  if (kind === 'in') {
    const some = [one(values), ...chance.list(3, () => one(values))]
    const shown = `${not}IN [${some.map(text).join(one([',', ' , ']))}]`
    return { text: shown, of: value => some.filter(each => each === value).length > 0 !== no }
  }
  if (kind === 'between') {
    const [low, high] = [one(values) as number, one(values) as number]
    const isInside = (value: Value | null) =>
      value !== null && !((value as number) < low) && !((value as number) >= high)
    return { text: `${not}between ${text(low)} and ${text(high)}`, of: value => isInside(value) !== no }
  }
  if (kind === 'contains') {
    const [part, isFolding] = [one(values) as string, below(2) === 0]
    const fold = (value: string) => (isFolding ? value.toLowerCase() : value)
    return {
      text: `${not}${isFolding ? 'i' : ''}contains ${text(part)}`,
      of: value => (value !== null && fold(value as string).indexOf(fold(part)) >= 0) !== no,
    }
  }
  const [sign, right] = [one(['=', '!=', '<', '<=', '>', '>=']), one(values)]
  return {
    text: `${sign}${one(['', ' '])}${text(right)}`,
    of(value) {
      if (value === null) return sign === '!='
      const order = value === right ? '=' : value < right ? '<' : '>'
      return sign === '!=' ? order !== '=' : sign.includes(order)
    },
  }
}

function drawItemClaim(chance: Chance): { text: string; of(item: Item): boolean } {
  const [id, n] = [drawTest(chance, 'string'), drawTest(chance, 'number')]
  return chance.one([
    { text: `id ${id.text}`, of: (item: Item) => id.of(item.id) },
    { text: `not n ${n.text}`, of: (item: Item) => !n.of(item.n) },
    { text: `id ${id.text} or n ${n.text}`, of: (item: Item) => id.of(item.id) || n.of(item.n) },
  ])
}

function drawSetClaim(chance: Chance): Claim {
  const { one } = chance
  const [word, count, each] = [
    drawTest(chance, 'string'),
    drawTest(chance, 'number'),
    drawTest(chance, 'number'),
  ]
  const item = drawItemClaim(chance)
  const taken = (entity: Entity) => entity.items.filter(each => item.of(each))
  return one<Claim>([
    { text: `anyOf(words) ${word.text}`, holds: ({ words }) => words.filter(word.of).length > 0 },
    {
      text: `allof( words ) ${word.text}`,
      holds: ({ words }) => words.filter(word.of).length === words.length,
    },
    { text: `count(words) ${count.text}`, holds: ({ words }) => count.of(words.length) },
    { text: 'isEmpty(words)', holds: ({ words }) => words.length === 0 },
    {
      text: `anyOf(items.n) ${each.text}`,
      holds: ({ items }) => items.filter(({ n }) => each.of(n)).length > 0,
    },
    { text: `isEmpty(from items where ${item.text})`, holds: entity => taken(entity).length === 0 },
    {
      text: `count(from items where ${item.text}) ${count.text}`,
      holds: entity => count.of(taken(entity).length),
    },
    {
      text: `allOf(from items where ${item.text}) ${word.text}`,
      holds: entity => taken(entity).filter(({ id }) => word.of(id)).length === taken(entity).length,
    },
  ])
}

function drawClaim(chance: Chance, depth: number): Claim {
  const { one, below } = chance
  if (depth > 0 && below(3) > 0) {
    const [a, b, c] = [
      drawClaim(chance, depth - 1),
      drawClaim(chance, depth - 1),
      drawClaim(chance, depth - 1),
    ]
    return one<Claim>([
      { text: `not (${a.text})`, holds: entity => !a.holds(entity) },
      { text: `(${a.text}) and (${b.text})`, holds: entity => a.holds(entity) === true && b.holds(entity) },
      { text: `(${a.text}) Or(${b.text})`, holds: entity => !(!a.holds(entity) && !b.holds(entity)) },
      {
        text: `(${a.text}) or not (${b.text}) and (${c.text})`,
        holds: entity => [a.holds(entity), [!b.holds(entity), c.holds(entity)].every(Boolean)].some(Boolean),
      },
    ])
  }
  const [s, n, d] = [drawTest(chance, 'string'), drawTest(chance, 'number'), drawTest(chance, 'time')]
  const [key, flag] = [one(['k', 'l-m']), below(2) === 0]
  const [tagText, tag] = [one(TEXTS), (entity: Entity) => entity.tags[key] ?? null]
  return one<Claim>([
    { text: `s ${s.text}`, holds: entity => s.of(entity.s) },
    { text: `n ${n.text}`, holds: entity => n.of(entity.n) },
    { text: `d ${d.text}`, holds: entity => d.of(entity.d) },
    { text: 'b', holds: entity => entity.b === true },
    { text: `b = ${flag}`, holds: entity => (entity.b ?? false) === flag },
    { text: `b != ${flag}`, holds: entity => (entity.b ?? false) !== flag },
    { text: `${flag}`, holds: () => flag },
    { text: `tags.${key} = ${JSON.stringify(tagText)}`, holds: entity => tag(entity) === tagText },
    { text: `tags.${key} = null`, holds: entity => tag(entity) === null },
    {
      text: `tags.${key} > 0`,
      holds: entity => typeof tag(entity) === 'number' && (tag(entity) as number) > 0,
    },
    drawSetClaim(chance),
    drawSetClaim(chance),
  ])
}

test('parseFilter() agrees with a slow reference on random expressions', async t => {
  await withSeed(random => {
    const chance = createChance(random)
    const answers = { yes: 0, no: 0 }
    for (let run = 0; run < RUNS; run++) {
      const { text, holds } = drawClaim(chance, chance.below(4))
      const query = parseFilter(text, SYMBOLS)
      for (let each = 0; each < 3; each++) {
        const entity = drawEntity(chance)
        const wanted = holds(entity)
        if (query.matches(entity) !== wanted)
          assert.fail(`run ${run}: not ${wanted}: ${text} of ${JSON.stringify(entity)}`)
        answers[wanted ? 'yes' : 'no'] += 1
      }
    }
    t.diagnostic(`${RUNS} expressions, 0 differences, ${JSON.stringify(answers)}`)
    assert.ok(Math.min(answers.yes, answers.no) > RUNS / 4, JSON.stringify(answers))
  })
})

const PIECES =
  'name s n b d words items tags.k true false null and or not ( ) [ ] , = != < <= > >= in between contains icontains anyOf( allOf( count( isEmpty( from where sort by skip limit none asc desc "a" "\\n" " 1 -2.5 1e9 datetime(2032-09-03T15:36:50Z) datetime( \' \\ . - \u0000 \ud800 😀'.split(
    ' ',
  )

test('parseFilter() answers random text with a query or INVALID_FILTER, and nothing else', async () => {
  await withSeed(random => {
    const { below, one, list } = createChance(random)
    const entity = drawEntity(createChance(createSeededRandom(1)))
    let read = 0
    for (let run = 0; run < RUNS; run++) {
      const pieces = list(12, () => (below(12) === 0 ? String.fromCharCode(below(0x3000)) : one(PIECES)))
      const text = pieces.join(one(['', ' ', ' ']))
      try {
        parseFilter(text, SYMBOLS).matches(entity)
        read += 1
      } catch (error) {
        const code = error instanceof EdgeError ? error.code : undefined
        const isKnown = code === 'INVALID_FILTER' || code === 'INVALID_SORT_IDENTIFIER'
        assert.ok(isKnown, `${JSON.stringify(text)}: ${error}`)
      }
    }
    assert.ok(read > 0, 'none was a filter')
  })
})
