import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import {
  ERRORS,
  type ErrorCode,
  type ErrorKind,
  isErrorCode,
  MeshError,
  parseErrorBody,
  toMeshError,
} from './errors.ts'

const CODES = Object.keys(ERRORS) as ErrorCode[]
const DOCUMENT = join(import.meta.dirname, '../../../docs/errors.md')

/** The table of docs/errors.md as it has to be, and as the formatter leaves it. */
function expectedTable(): string {
  const kinds: [string, ErrorKind][] = Object.entries(ERRORS)
  const rows = [
    ['Code', 'Fault', 'Retry', 'HTTP', 'Exit', 'Meaning'],
    ...kinds.map(([code, { fault, retry, http, exit, means }]) => [
      `\`${code}\``,
      fault,
      retry ? 'yes' : 'no',
      String(http),
      String(exit),
      means,
    ]),
  ]
  const widths = [0, 1, 2, 3, 4, 5].map(column => Math.max(...rows.map(row => row[column]?.length ?? 0)))
  const [head, ...body] = rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)))
  const rule = widths.map(width => '-'.repeat(width))
  return [head, rule, ...body].map(cells => `| ${cells?.join(' | ')} |`).join('\n')
}

test('docs/errors.md repeats the table of codes', () => {
  const text = readFileSync(DOCUMENT, 'utf8')
  const table = /^\| Code .*\n(?:\|.*\n)*/m.exec(text)?.[0].trimEnd()
  if (table !== expectedTable())
    assert.fail(`docs/errors.md is to contain this table:\n\n${expectedTable()}\n`)
})

test('docs/errors.md explains every exit code there is, and no other', () => {
  const text = readFileSync(DOCUMENT, 'utf8')
  const explained = [...text.matchAll(/^\| (\d+) +\|/gm)].map(match => Number(match[1]))
  const used = new Set([0, ...CODES.map(code => ERRORS[code].exit)])
  assert.deepEqual(
    explained,
    [...used].sort((a, b) => a - b),
  )
})

test('ERRORS has rows of one form', () => {
  for (const code of CODES) {
    const { fault, http, exit, means } = ERRORS[code]
    assert.match(code, /^[a-z]+(-[a-z]+)*$/)
    assert.match(fault, /^(caller|peer|network|us)$/)
    assert.ok(http >= 400 && http <= 599, code)
    assert.ok(
      exit >= 1 && exit <= 63,
      `${code}: shells and services use the exit codes from 64 on themselves`,
    )
    assert.match(means, /^[A-Z][^|\n]*\.$/, `${code}: one sentence`)
  }
})

test('ERRORS never tells a caller to try again what the caller has to change', () => {
  // 408, 429 and 5xx are the statuses that clients and proxies repeat by themselves.
  const repeated = CODES.filter(code => ERRORS[code].http === 408 || ERRORS[code].http === 429)
  for (const code of repeated) assert.equal(ERRORS[code].retry, true, code)
  const passing = CODES.filter(code => [502, 503, 504].includes(ERRORS[code].http))
  for (const code of passing) assert.equal(ERRORS[code].retry, true, code)
  const callers = CODES.filter(code => ERRORS[code].fault === 'caller' && ERRORS[code].retry)
  assert.deepEqual(callers, ['too-many'])
})

test('MeshError carries its code, its row and its cause', () => {
  const cause = new Error('ECONNREFUSED')
  const error = new MeshError('target-refused', 'Cannot connect to target: refused', { cause })
  assert.ok(error instanceof Error)
  assert.deepEqual(
    [error.name, error.code, error.kind, error.cause],
    ['MeshError', 'target-refused', ERRORS['target-refused'], cause],
  )
})

test('toBody() tells neither cause nor stack', () => {
  const error = new MeshError('denied', 'Cannot dial: no policy allows it', { cause: new Error('secret') })
  assert.deepEqual(error.toBody(), { code: 'denied', message: 'Cannot dial: no policy allows it' })
})

test('isErrorCode() knows the codes and nothing else', () => {
  assert.deepEqual(CODES.filter(isErrorCode), CODES)
  for (const value of [
    '',
    'Denied',
    'toString',
    '__proto__',
    'constructor',
    1,
    null,
    undefined,
    ['denied'],
  ]) {
    assert.equal(isErrorCode(value), false, String(value))
  }
})

test('toMeshError() gives back a MeshError as it is', () => {
  const error = new MeshError('offline', 'Cannot dial: offline')
  assert.equal(toMeshError(error), error)
})

test('toMeshError() calls everything else a bug and keeps it as the cause', () => {
  const thrown = new TypeError('x is not a function')
  const error = toMeshError(thrown)
  assert.deepEqual(
    [error.code, error.message, error.cause],
    ['bug', 'Unexpected failure: x is not a function', thrown],
  )
  assert.equal(toMeshError('text').message, 'Unexpected failure: text')
})

test('toMeshError() does not throw, whatever was thrown', () => {
  const hostile = {
    toString() {
      throw new Error('toString was called')
    },
  }
  const odd = Object.assign(new Error('x'), { message: Object.create(null) })
  for (const thrown of [hostile, odd, Object.create(null), Symbol('s'), 10n, null, undefined]) {
    const error = toMeshError(thrown)
    assert.deepEqual([error.code, error.cause], ['bug', thrown])
  }
  fc.assert(
    fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), thrown => {
      assert.ok(toMeshError(thrown) instanceof MeshError)
    }),
  )
})

test('parseErrorBody() reads what toBody() wrote, after a trip through JSON', () => {
  fc.assert(
    fc.property(fc.constantFrom(...CODES), fc.string({ maxLength: 200 }), (code, message) => {
      const body: unknown = JSON.parse(JSON.stringify(new MeshError(code, message).toBody()))
      const error = parseErrorBody(body)
      assert.deepEqual([error?.code, error?.message], [code, message])
    }),
  )
})

test('parseErrorBody() gives nothing for what is no error', () => {
  const bodies: unknown[] = [
    undefined,
    null,
    'denied',
    42,
    [],
    {},
    { code: 'denied' },
    { message: 'x' },
    { code: 'denied', message: 1 },
    { code: 'no-such-code', message: 'x' },
    { code: '__proto__', message: 'x' },
    { code: ['denied'], message: 'x' },
  ]
  for (const body of bodies) assert.equal(parseErrorBody(body), undefined, JSON.stringify(body))
})

test('parseErrorBody() makes the message of a stranger short and fit to print', () => {
  const error = parseErrorBody({ code: 'denied', message: `\u001b[2J\u202e${'x'.repeat(5_000)}` })
  assert.equal(error?.message, `\ufffd[2J\ufffd${'x'.repeat(1_019)}`)
  const cut = parseErrorBody({ code: 'denied', message: `${'x'.repeat(1_023)}🏠` })
  assert.equal(cut?.message.isWellFormed(), true)
})

test('parseErrorBody() gives an error or nothing, for any value', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.anything(), fc.record({ code: fc.anything(), message: fc.anything() })),
      value => {
        const error = parseErrorBody(value)
        assert.ok(error === undefined || (isErrorCode(error.code) && error.message.length <= 1_024))
      },
    ),
  )
})
