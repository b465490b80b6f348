import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EdgeError, fieldError } from './edge-error.ts'
import { createEnvelope, entityBase, errorEnvelope, listEnvelope } from './envelope.ts'

test('errorEnvelope() shows code, sentence and cause', () => {
  assert.deepEqual(errorEnvelope(fieldError('name', 'is required'), 'r1'), {
    error: {
      code: 'COULD_NOT_VALIDATE',
      message: 'The supplied request contains an invalid document',
      requestId: 'r1',
      cause: { field: 'name', reason: 'is required', value: null },
      causeMessage: 'is required',
    },
    meta: { apiVersion: '0.0.1', apiEnrollmentVersion: '0.0.1' },
  })
  assert.deepEqual(errorEnvelope(new EdgeError('NOT_FOUND', 'no service'), 'r2'), {
    error: { code: 'NOT_FOUND', message: 'no service', requestId: 'r2' },
    meta: { apiVersion: '0.0.1', apiEnrollmentVersion: '0.0.1' },
  })
})

test('envelopes are as the Edge APIs write them', () => {
  assert.deepEqual(createEnvelope('services', 'x'), {
    data: { _links: { self: { href: './services/x' } }, id: 'x' },
    meta: {},
  })
  assert.deepEqual(listEnvelope([1], { limit: 10, offset: 0, totalCount: 1 }, ['id']), {
    data: [1],
    meta: { filterableFields: ['id'], pagination: { limit: 10, offset: 0, totalCount: 1 } },
  })
  assert.deepEqual(entityBase('services', { id: 'x', createdAtMs: 0, updatedAtMs: 1 }), {
    id: 'x',
    createdAt: '1970-01-01T00:00:00.000Z',
    updatedAt: '1970-01-01T00:00:00.001Z',
    tags: {},
    _links: { self: { href: './services/x' } },
  })
})
