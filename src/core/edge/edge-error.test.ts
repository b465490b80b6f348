import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { EDGE_ERRORS, EdgeError } from './edge-error.ts'

/** The table of docs/errors.md as it has to be, and as the formatter leaves it. */
function expectedTable(): string {
  const rows = [
    ['Edge code', 'HTTP', 'Meaning'],
    ...Object.entries(EDGE_ERRORS).map(([code, { status, means }]) => [`\`${code}\``, String(status), means]),
  ]
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const [head, ...body] = rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  const rule = widths.map(width => '-'.repeat(width))
  return [head, rule, ...body].map(cells => `| ${cells?.join(' | ')} |`).join('\n')
}

test('docs/errors.md repeats the table of the codes of the Edge APIs', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../docs/errors.md'), 'utf8')
  const table = /^\| Edge code .*\n(?:\|.*\n)*/m.exec(text)?.[0].trimEnd()
  if (table !== expectedTable())
    assert.fail(`docs/errors.md is to contain this table:\n\n${expectedTable()}\n`)
})

test('EdgeError has the status of its code, and names the field at fault', () => {
  const { code, status, message, cause } = new EdgeError('COULD_NOT_VALIDATE', 'must be a name', {
    field: 'name',
    value: 7,
  })
  assert.deepEqual(
    { code, status, message, cause },
    {
      code: 'COULD_NOT_VALIDATE',
      status: 400,
      message: 'must be a name',
      cause: { field: 'name', reason: 'must be a name', value: 7 },
    },
  )
})

test('EdgeError without a field has no cause', () => {
  assert.equal(new EdgeError('NOT_FOUND', 'There is no such service').cause, undefined)
})
