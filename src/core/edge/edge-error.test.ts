import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EdgeError } from './edge-error.ts'

test('EdgeError has the status of its code, and names the field at fault', () => {
  const { code, status, message, cause } = new EdgeError('INVALID_FIELD', 'must be a name', {
    field: 'name',
    value: 7,
  })
  assert.deepEqual(
    { code, status, message, cause },
    {
      code: 'INVALID_FIELD',
      status: 400,
      message: 'must be a name',
      cause: { field: 'name', reason: 'must be a name', value: 7 },
    },
  )
})

test('EdgeError without a field has no cause', () => {
  assert.equal(new EdgeError('NOT_FOUND', 'There is no such service').cause, undefined)
})
