import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findNumericConstants, type NumericConstant } from './testing/house/numeric-constants.ts'
import { readSources } from './testing/house/source-file.ts'

const root = join(import.meta.dirname, '..')
const text = readFileSync(join(root, 'docs/limits.md'), 'utf8')
const program = readSources(root, 'src').filter(
  ({ path, isTest }) => !isTest && !path.startsWith('src/testing/'),
)
const constants = findNumericConstants(program)

/** A line of a table in docs/limits.md whose first cell is a name of the code: `NAME`, `TABLE.member`, `member`. */
interface Row {
  readonly name: string
  readonly value: number
  /** Files that the row names. */
  readonly paths: readonly string[]
  /** Tables that the text around it names: a bare member is one of theirs. */
  readonly tables: readonly string[]
}

const rows: readonly Row[] = text.split(/^## /m).flatMap(section => {
  const tables = [...new Set([...section.matchAll(/`([A-Z0-9_]+_LIMITS)`/g)].map(([, name]) => name ?? ''))]
  return [...section.matchAll(/^\| `([\w.]+)` *\| *([\d,.]+) *\|(.*)$/gm)].map(
    ([, name = '', value = '', rest = '']) => ({
      name,
      value: Number(value.replaceAll(',', '')),
      paths: [...rest.matchAll(/`(src\/[\w/.-]+)`/g)].map(([, path]) => path ?? ''),
      tables,
    }),
  )
})

/** The constants that a row can mean. */
function meantBy({ name, paths, tables }: Row): NumericConstant[] {
  const names = /^[A-Z]/.test(name) ? [name] : tables.map(table => `${table}.${name}`)
  const named = constants.filter(one => names.includes(one.name))
  return paths.length === 0
    ? named.filter(({ isExported }) => isExported)
    : named.filter(({ path }) => paths.includes(path))
}

function holds(problems: readonly string[]): void {
  if (problems.length > 0) assert.fail(problems.join('\n'))
}

test('docs/limits.md gives every limit the value that it has in the code', () => {
  assert.ok(rows.length > 50, `only ${rows.length} rows were read`)
  holds(
    rows.flatMap(row => {
      const meant = meantBy(row)
      if (meant.length === 0)
        return [`docs/limits.md: \`${row.name}\`: no such number in the file it names, or none exported`]
      return meant
        .filter(({ value }) => value !== row.value)
        .map(
          ({ path, value }) => `docs/limits.md: \`${row.name}\` is ${row.value}, in ${path} it is ${value}`,
        )
    }),
  )
})

test('docs/limits.md has a row for every exported limit', () => {
  const documented = new Set(rows.flatMap(meantBy))
  const wanted = constants.filter(
    ({ name, isExported }) => isExported && (/^[A-Z_]*_LIMITS\./.test(name) || /^MAX_[A-Z0-9_]+$/.test(name)),
  )
  assert.ok(wanted.length > 20, `only ${wanted.length} limits were found`)
  holds(
    wanted
      .filter(one => !documented.has(one))
      .map(
        ({ name, value, path }) =>
          `${path}: ${name}: add a row "| \`${name}\` | ${value} | …" to docs/limits.md`,
      ),
  )
})
