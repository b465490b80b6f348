import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '..')
const DOCUMENTS = ['docs/status.md', 'docs/threat-model.md']
const STATES = ['works', 'partly', 'not yet']

/** A test that a document names: `file` "test name". */
interface Named {
  readonly at: string
  readonly file: string
  readonly name: string
}

function readTable(document: string): { at: string; cells: string[] }[] {
  const lines = readFileSync(join(root, document), 'utf8').split('\n')
  return lines.flatMap((line, index) =>
    line.startsWith('|') && !/^\|[\s:|-]+\|$/.test(line)
      ? [
          {
            at: `${document}:${index + 1}`,
            cells: line
              .split(/(?<!\\)\|/)
              .slice(1, -1)
              .map(cell => cell.trim()),
          },
        ]
      : [],
  )
}

function namedTests(at: string, text: string): Named[] {
  return [...text.matchAll(/`((?:src|examples)\/[\w/.-]+\.ts)` "([^"]+)"/g)].map(
    ([, file = '', name = '']) => ({
      at,
      file,
      name,
    }),
  )
}

/** Whether a test of that name is in the text of a file: the first argument of `test`, `it` or `describe`. */
function hasTest(text: string, name: string): boolean {
  const escaped = name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
  return new RegExp(`\\b(?:test|it|describe)\\(\\s*(['"\`])${escaped}\\1`).test(text)
}

function holds(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(problems.join('\n'))
}

for (const document of DOCUMENTS) {
  test(`${document} names tests that exist`, () => {
    const text = readFileSync(join(root, document), 'utf8')
    const named = text.split('\n').flatMap((line, index) => namedTests(`${document}:${index + 1}`, line))
    assert.ok(named.length > 20, `only ${named.length} tests are named`)
    const texts = new Map<string, string>()
    holds(
      named.flatMap(({ at, file, name }) => {
        if (!existsSync(join(root, file))) return [`${at}: there is no ${file}`]
        if (!texts.has(file)) texts.set(file, readFileSync(join(root, file), 'utf8'))
        return hasTest(texts.get(file) ?? '', name) ? [] : [`${at}: ${file} has no test "${name}"`]
      }),
    )
  })
}

test('docs/status.md gives each promise a state, and each that works a test', () => {
  const rows = readTable('docs/status.md').filter(({ cells }) => cells.length === 4 && cells[1] !== 'State')
  assert.ok(rows.length > 100, `only ${rows.length} promises were read`)
  holds(
    rows.flatMap(({ at, cells: [promise = '', state = '', tests = ''] }) => {
      if (promise === '') return [`${at}: no promise`]
      if (!STATES.includes(state)) return [`${at}: state "${state}": write one of ${STATES.join(', ')}`]
      const count = namedTests(at, tests).length
      if (state === 'works' && count === 0)
        return [`${at}: works, says it, and names no test: name one, or say partly`]
      if (state === 'not yet' && count > 0) return [`${at}: names a test of what is not there`]
      return []
    }),
  )
})
