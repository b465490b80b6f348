import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ErrorCode, MeshError } from '../core/model/errors.ts'
import { REASON_OF_CODE, toZtmError, ZtmError } from './ztm-error.ts'

const PATH = join(import.meta.dirname, '../../docs/sdk.md')

test('docs/sdk.md has the table of reasons; UPDATE_DOCS=1 writes it', () => {
  const codes = new Map<string, string[]>()
  for (const [code, reason] of Object.entries(REASON_OF_CODE))
    codes.set(reason, [...(codes.get(reason) ?? []), `\`${code}\``])
  const rows = [...codes].map(([reason, those]) => `| \`${reason}\` | ${those.join(' ')} |`)
  const table = ['| Reason | Codes |', '| --- | --- |', ...rows].join('\n')
  const text = readFileSync(PATH, 'utf8')
  const part = /(<!-- made by src\/sdk\/ztm-error.test.ts -->\n)[\s\S]*?(<!-- end -->)/
  assert.match(text, part)
  const expected = text.replace(part, (_, begin, end) => `${begin}\n${table}\n\n${end}`)
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PATH, expected)
  else assert.equal(text, expected, 'UPDATE_DOCS=1 node --test this file')
})

test('toZtmError() keeps code, message and cause, and what is known of the service', () => {
  const cause = new Error('below')
  const error = toZtmError(new MeshError('denied', 'Cannot dial "tcp/x": no', { cause }), {
    serviceName: 'tcp/x',
  })
  assert.deepEqual(
    [error.name, error.reason, error.code, error.message, error.serviceName, error.cause],
    ['ZtmError', 'denied', 'denied', 'Cannot dial "tcp/x": no', 'tcp/x', cause],
  )
  assert.equal(toZtmError(error, { serviceName: 'other' }), error)
  assert.ok(error instanceof MeshError && error instanceof ZtmError)
  const reasonOf = (code: ErrorCode, serviceName?: string) =>
    toZtmError(new MeshError(code, 'x'), serviceName === undefined ? {} : { serviceName }).reason
  assert.deepEqual(
    [reasonOf('not-found'), reasonOf('not-found', 'tcp/x')],
    ['controller', 'service-not-found'],
  )
  assert.deepEqual([toZtmError('text').reason, toZtmError(new TypeError('x')).reason], ['bug', 'bug'])
})
