import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  findBadNames,
  findBarrels,
  findConsole,
  findCycles,
  findDeadExports,
  findHostImports,
  findImpurities,
  findLongFiles,
  findLongFunctions,
  findOrphans,
  findUndocumented,
} from './house-rules.ts'
import { parseSource } from './source-file.ts'

test('findLongFiles() names a file when it has a line too many', () => {
  const files = [parseSource('src/a.ts', 'x\n'.repeat(3)), parseSource('src/b.ts', 'x\n'.repeat(4))]
  assert.deepEqual(places(findLongFiles(files, 3)), ['src/b.ts: 4 lines, over 3'])
})

test('findLongFunctions() names a function by its own lines, and leaves tests alone', () => {
  const text = `function long() {\n${'  step()\n'.repeat(4)}}\n`
  const files = [parseSource('src/a.ts', text), parseSource('src/a.test.ts', text)]
  assert.deepEqual(places(findLongFunctions(files, 5)), ['src/a.ts:1: long: 6 lines of its own, over 5'])
  assert.deepEqual(findLongFunctions(files, 6), [])
})

test('findImpurities() finds the host, the clock and chance in pure code', () => {
  const text = [
    "import { z } from 'zod'",
    "import { join } from 'node:path'",
    "import { pino } from 'pino'",
    'const at = Date.now() + new Date().getTime() + new Date(0).getTime()',
    'const luck = Math.random()',
    'setTimeout(go, 1)',
    "const text = 'Date.now()' // Math.random()",
    'clock.setTimeout(go)',
  ].join('\n')
  const found = places(findImpurities([parseSource('src/core/a.ts', text)]))
  assert.deepEqual(found, [
    'src/core/a.ts:2: core imports node:path',
    'src/core/a.ts:3: core imports pino',
    'src/core/a.ts:4: core uses Date.now',
    'src/core/a.ts:4: core uses new Date()',
    'src/core/a.ts:5: core uses Math.random',
    'src/core/a.ts:6: core uses setTimeout',
  ])
})

test('findHostImports() lets types pass, with and without node:', () => {
  const text = "import type { Socket } from 'node:net'\nimport net from 'net'\nimport tls from 'node:tls'\n"
  const found = findHostImports([parseSource('src/hub/a.ts', text)], ['net', 'tls'], 'ask net')
  assert.deepEqual(found, [
    'src/hub/a.ts:2: imports net: ask net',
    'src/hub/a.ts:3: imports node:tls: ask net',
  ])
})

test('findConsole() finds console, but not a property of that name', () => {
  const text = "page.console.clear()\nconsole.log('x')\n// console.log\n"
  assert.deepEqual(places(findConsole([parseSource('src/hub/a.ts', text)])), ['src/hub/a.ts:2: uses console'])
})

test('findBarrels() finds default exports and passed-on names, and spares the front doors', () => {
  const text = "export default 1\nexport * from './a.ts'\nexport type { B } from './b.ts'\nexport { own }\n"
  const found = findBarrels(
    [parseSource('src/a.ts', text), parseSource('src/sdk/index.ts', text)],
    ['src/sdk/index.ts'],
  )
  assert.deepEqual(places(found), [
    'src/a.ts:1: default export',
    "src/a.ts:2: passes on another file's names",
    "src/a.ts:3: passes on another file's names",
    'src/sdk/index.ts:1: default export',
  ])
})

test('findBadNames() finds names that say nothing and names that are not kebab-case', () => {
  const names = ['src/net/utils.ts', 'src/agent/base/x.ts', 'src/net/test-helpers.ts', 'src/net/LinkPool.ts']
  const fine = ['src/apps/services/hosting.ts', 'src/cli/service-manager.ts', 'src/anywhere.d.ts']
  const found = findBadNames([...names, ...fine].map(path => parseSource(path, '')))
  assert.deepEqual(places(found), [
    'src/net/utils.ts: "utils.ts" says nothing of what is in it',
    'src/agent/base/x.ts: "base" says nothing of what is in it',
    'src/net/test-helpers.ts: "test-helpers.ts" says nothing of what is in it',
    'src/net/LinkPool.ts: "LinkPool.ts"',
  ])
})

test('findUndocumented() wants a docstring directly above each export, once for overloads', () => {
  const text = [
    '/** What it is for. */',
    'export interface Good {}',
    '/** */',
    'export type Empty = 1',
    '/** Far away. */',
    '',
    'export const far = 1',
    '// not a docstring',
    'export abstract class Bare {}',
    '/** Twice. */',
    'export function twice(a: string): void',
    'export function twice(a: number): void',
    'export async function* none() {}',
    "const text = '",
    "export const notAnExport = 1'",
  ].join('\n')
  assert.deepEqual(places(findUndocumented([parseSource('src/a.ts', text)])), [
    'src/a.ts:4: Empty has no docstring',
    'src/a.ts:7: far has no docstring',
    'src/a.ts:9: Bare has no docstring',
    'src/a.ts:13: none has no docstring',
    'src/a.ts:15: notAnExport has no docstring',
  ])
})

test('findCycles() gives the way around, once, and is silent about a diamond', () => {
  const circle = [
    parseSource('src/a.ts', "import './b.ts'"),
    parseSource('src/b.ts', "import type { C } from './c.ts'"),
    parseSource('src/c.ts', "import './a.ts'\nimport './d.ts'"),
    parseSource('src/d.ts', ''),
  ]
  assert.deepEqual(places(findCycles(circle)), ['src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts'])
  const diamond = [
    parseSource('src/a.ts', "import './b.ts'\nimport './c.ts'"),
    parseSource('src/b.ts', "import './d.ts'"),
    parseSource('src/c.ts', "import './d.ts'"),
    parseSource('src/d.ts', ''),
  ]
  assert.deepEqual(findCycles(diamond), [])
})

test('findOrphans() finds files that no entry point reaches', () => {
  const files = [
    parseSource('src/bin/ztm.ts', "void import('../cli/a.ts')"),
    parseSource('src/cli/a.ts', ''),
    parseSource('src/cli/b.ts', "import './c.ts'"),
    parseSource('src/cli/c.ts', ''),
    parseSource('src/cli/b.test.ts', "import './b.ts'"),
    parseSource('src/anywhere.d.ts', ''),
  ]
  const found = findOrphans(files, ({ path }) => path.startsWith('src/bin/'))
  assert.deepEqual(places(found), [
    'src/cli/b.ts: no entry point reaches it, a test alone at best',
    'src/cli/c.ts: no entry point reaches it, a test alone at best',
  ])
})

test('findDeadExports() finds what nothing names a second time', () => {
  const files = [
    parseSource(
      'src/a.ts',
      'export const USED = 1\nexport function dead(): void {}\nexport type Gone = 1\nexport const late = 2\n',
    ),
    parseSource('src/b.ts', "import { USED } from './a.ts'\n// dead, Gone\nconsole.log(USED, 'late')\n"),
  ]
  assert.deepEqual(places(findDeadExports(files)), [
    'src/a.ts: nothing uses dead',
    'src/a.ts: nothing uses Gone',
  ])
})

/** The messages without their advice. */
function places(problems: readonly string[]): string[] {
  return problems.map(problem => problem.slice(0, problem.lastIndexOf(': ')))
}
