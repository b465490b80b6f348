import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { describe, it } from 'node:test'

import { MeshError } from '../core/model/errors.ts'
import { isFileError, storageError } from './storage-error.ts'

describe('storageError()', () => {
  it('gives the code that fits what the file system or SQLite said', () => {
    const codes: [object, string][] = [
      [{ code: 'ENOSPC' }, 'storage-full'],
      [{ code: 'EDQUOT' }, 'storage-full'],
      [{ code: 'EACCES' }, 'not-permitted'],
      [{ code: 'EROFS' }, 'not-permitted'],
      [{ code: 'EIO' }, 'storage-failed'],
      [{ code: 'ERR_SQLITE_ERROR', errcode: 13 }, 'storage-full'],
      [{ code: 'ERR_SQLITE_ERROR', errcode: 778 }, 'storage-failed'],
      [{ code: 'ERR_SQLITE_ERROR', errcode: 11 }, 'storage-failed'],
      [{ code: 7 }, 'storage-failed'],
    ]
    for (const [fields, code] of codes) {
      const thrown = Object.assign(new Error('it broke'), fields)
      const error = storageError('Cannot write "a"', thrown, tmpdir())
      assert.equal(error.code, code, JSON.stringify(fields))
      assert.ok(error.message.startsWith('Cannot write "a": '), error.message)
      assert.equal(error.cause, thrown)
    }
  })

  it('takes whatever was thrown, and leaves a MeshError as it is', () => {
    const ours = new MeshError('conflict', 'Cannot write "a": it is there')
    assert.equal(storageError('Cannot write "a"', ours), ours)
    for (const thrown of [undefined, null, 'text', 7]) {
      assert.equal(storageError('Cannot write "a"', thrown).message, `Cannot write "a": ${String(thrown)}`)
    }
  })
})

describe('isFileError()', () => {
  it('knows the code and nothing else', () => {
    assert.ok(isFileError(Object.assign(new Error(), { code: 'ENOENT' }), 'ENOENT'))
    for (const thrown of [new Error('ENOENT'), 'ENOENT', null, { code: 'EACCES' }]) {
      assert.ok(!isFileError(thrown, 'ENOENT'))
    }
  })
})
