import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findBrokenWalls, findEmptyRooms, type RoomTable } from './rooms.ts'
import { parseSource } from './source-file.ts'

const TABLE: RoomTable = {
  '': [],
  'core/model': [],
  hub: ['core', 'store/data-folder'],
  cli: ['apps/*/messages'],
  'apps/*': ['core/model'],
  testing: ['hub'],
}

const walls = (path: string, text: string) =>
  findBrokenWalls([parseSource(path, text)], TABLE, ['testing', 'net']).map(problem =>
    problem.replace(/: move .*$/, ''),
  )

test('findBrokenWalls() lets a room import itself and what the table names', () => {
  const text = [
    "import './links.ts'",
    "import '../core/model/ids.ts'",
    "import '../store/data-folder.ts'",
    "import 'zod'",
    "import pkg from '../../package.json'",
  ].join('\n')
  assert.deepEqual(walls('src/hub/hub.ts', text), [])
})

test('findBrokenWalls() names line, file and what would be allowed', () => {
  const text = "import '../agent/agent.ts'\nconst late = import('../store/data-folder-x.ts')\n"
  assert.deepEqual(walls('src/hub/hub.ts', text), [
    'src/hub/hub.ts:1: imports src/agent/agent.ts, but hub may import core, store/data-folder',
    'src/hub/hub.ts:2: imports src/store/data-folder-x.ts, but hub may import core, store/data-folder',
  ])
})

test('findBrokenWalls() takes the innermost room, and keeps apps apart', () => {
  assert.deepEqual(walls('src/core/model/ids.ts', "import '../api/route.ts'"), [
    'src/core/model/ids.ts:1: imports src/core/api/route.ts, but core/model may import nothing else',
  ])
  assert.deepEqual(walls('src/apps/tunnel/app.ts', "import '../proxy/app.ts'\nimport './messages.ts'"), [
    'src/apps/tunnel/app.ts:1: imports src/apps/proxy/app.ts, but apps/tunnel may import core/model',
  ])
})

test('findBrokenWalls() takes a star for any one folder', () => {
  assert.deepEqual(
    walls('src/cli/a.ts', "import '../apps/tunnel/messages.ts'\nimport '../apps/tunnel/app.ts'"),
    ['src/cli/a.ts:2: imports src/apps/tunnel/app.ts, but cli may import apps/*/messages'],
  )
})

test('findBrokenWalls() lets tests alone import what is for tests, and those of core less', () => {
  const text = "import '../../testing/clock.ts'\nimport '../../net/sockets.ts'"
  assert.equal(walls('src/apps/tunnel/a.ts', text).length, 2)
  assert.deepEqual(walls('src/apps/tunnel/a.test.ts', text), [])
  assert.deepEqual(walls('src/core/model/a.test.ts', text), [
    'src/core/model/a.test.ts:2: imports src/net/sockets.ts, but core/model may import testing',
  ])
})

test('findBrokenWalls() refuses what leaves src, and files of no room', () => {
  assert.equal(walls('src/hub/hub.ts', "import '../../bench/run.ts'").length, 1)
  assert.equal(walls('src/shed/tool.ts', '').length, 1)
  assert.equal(walls('src/core/shed/tool.ts', '').length, 1)
})

test('findEmptyRooms() names unknown folders and those without a file', () => {
  const files = [parseSource('src/hub/hub.ts', ''), parseSource('src/apps/tunnel/app.ts', '')]
  const table = { '': [], hub: [], 'apps/*': [], 'core/model': [] }
  const found = findEmptyRooms(['hub', 'apps', 'apps/tunnel', 'core', 'core/model', 'shed'], files, table)
  assert.deepEqual(
    found.map(problem => problem.split(':')[0]),
    ['src/core', 'src/core/model', 'src/shed'],
  )
})
