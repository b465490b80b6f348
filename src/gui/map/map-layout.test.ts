import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layOutMap, MAP_SIZE, MAX_SINGLE, type MapEndpoint, outwards } from './map-layout.ts'

const endpoint = (id: string, user = 'root', isLocal = false): MapEndpoint => ({
  id,
  name: `name of ${id}`,
  user,
  isOnline: true,
  isLocal,
})
const HUB = { id: 'hub', isAttached: true }

test('layOutMap() draws the hub, each endpoint with its link, and the ways from here', () => {
  const endpoints = [
    endpoint('a', 'bob'),
    endpoint('b', 'ann', true),
    { ...endpoint('c', 'ann'), isOnline: false },
  ]
  const paths = [
    { endpoint: 'a', path: 'direct', detail: '1 ms' },
    { endpoint: 'gone', path: 'relay' },
    { endpoint: 'a', path: 'by pigeon' },
  ]
  const { nodes, lines, hiddenCount } = layOutMap({ hubs: [HUB], endpoints, paths })
  assert.deepEqual(
    nodes.map(({ id, kind }) => [id, kind]),
    [
      ['hub', 'hub'],
      ['b', 'endpoint'],
      ['c', 'endpoint'],
      ['a', 'endpoint'],
    ],
  )
  assert.deepEqual(lines, [
    { from: 'b', to: 'hub', kind: 'link' },
    { from: 'a', to: 'hub', kind: 'link' },
    { from: 'b', to: 'a', kind: 'direct', detail: '1 ms' },
  ])
  assert.equal(hiddenCount, 0)
})

test('layOutMap() draws groups as one each beside endpoints, and counts who is not on it', () => {
  const groups = Array.from({ length: 100 }, (_, at) => ({ name: `u${at}`, count: 100, onlineCount: at % 2 }))
  const endpoints = [endpoint('b'), endpoint('a', 'root', true)]
  const paths = [{ endpoint: 'b', path: 'relay' }]
  const { nodes, lines, hiddenCount } = layOutMap({ hubs: [HUB], endpoints, groups, paths })
  assert.equal(nodes.length, 1 + MAX_SINGLE)
  assert.deepEqual(
    nodes.slice(1, 5).map(({ id, count, isOnline }) => [id, count, isOnline]),
    [
      ['a', 1, true],
      ['b', 1, true],
      ['group u0', 100, false],
      ['group u1', 100, true],
    ],
  )
  assert.deepEqual(lines.at(-1), { from: 'a', to: 'b', kind: 'relay', detail: undefined })
  assert.equal(hiddenCount, (100 - (MAX_SINGLE - 2)) * 100)
})

test('layOutMap() keeps everything on the map, each in a place of its own, and lines between what is there', () => {
  const anEndpoint = fc.record({
    id: fc.uuid(),
    name: fc.string(),
    user: fc.constantFrom('a', 'b', 'c'),
    isOnline: fc.boolean(),
    isLocal: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.uniqueArray(anEndpoint, { selector: ({ id }) => id, maxLength: 90 }), endpoints => {
      const paths = endpoints.map(({ id }) => ({ endpoint: id, path: 'relay' }))
      const { nodes, lines } = layOutMap({ hubs: [HUB], endpoints, paths })
      const ids = new Set(nodes.map(({ id }) => id))
      assert.equal(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size, nodes.length)
      assert.ok(nodes.every(({ x, y }) => x >= 0 && x <= MAP_SIZE && y >= 0 && y <= MAP_SIZE))
      assert.ok(lines.every(({ from, to }) => ids.has(from) && ids.has(to) && from !== to))
    }),
  )
})

test('outwards() turns labels away from the middle, and lets them be read', () => {
  const half = MAP_SIZE / 2
  assert.deepEqual(outwards({ x: 700, y: half }, 20), {
    x: 720,
    y: half,
    dy: '0.35em',
    textAnchor: 'start',
    transform: `rotate(0 700 ${half})`,
  })
  assert.equal(outwards({ x: 100, y: half }, 20).textAnchor, 'end')
  assert.equal(outwards({ x: half, y: 700 }, 20).transform, `rotate(90 ${half} 700)`)
  for (let degrees = 0; degrees < 360; degrees += 7) {
    const [x, y] = [Math.cos, Math.sin].map(of => half + 300 * of((degrees * Math.PI) / 180))
    const turn = Number(/^rotate\((-?\d+) /.exec(outwards({ x: x ?? 0, y: y ?? 0 }, 20).transform)?.[1])
    assert.ok(Math.cos((turn * Math.PI) / 180) > -0.02, `${degrees} is upside down`)
  }
})
