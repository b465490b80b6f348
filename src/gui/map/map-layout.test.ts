import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layOutMap, MAP_SIZE, MAX_SINGLE, type MapEndpoint } from './map-layout.ts'

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
    { endpoint: 'a', path: 'direct' },
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
    { from: 'b', to: 'a', kind: 'direct' },
  ])
  assert.equal(hiddenCount, 0)
})

test('layOutMap() draws many endpoints as their users, and counts who is not on it', () => {
  const endpoints = Array.from({ length: 10_000 }, (_, at) => endpoint(`e${at}`, `u${at % 100}`, at === 99))
  const { nodes, hiddenCount } = layOutMap({ hubs: [HUB], endpoints, paths: [] })
  assert.equal(nodes.length, 1 + MAX_SINGLE)
  assert.equal(nodes[1]?.label, 'u99')
  assert.equal(hiddenCount, 10_000 - MAX_SINGLE * 100)
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
