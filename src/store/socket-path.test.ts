import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { socketPath } from './socket-path.ts'

const skip = process.platform === 'win32' && 'named pipes have no folder'

/** Run with a temporary folder of the test's own. */
function withTemporaryFolder(use: (folder: string) => void): void {
  using scratch = makeScratchFolder()
  const before = process.env.TMPDIR
  process.env.TMPDIR = scratch.path
  try {
    use(scratch.path)
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

const LONG = 'x'.repeat(120)

test('socketPath() is the plain path in the folder while that is short', { skip }, () => {
  assert.equal(socketPath('/nowhere/ztm', 'agent'), '/nowhere/ztm/agent.sock')
  assert.equal(socketPath('/nowhere/ztm', 'hub'), '/nowhere/ztm/hub.sock')
})

test('socketPath() of a long path is short, its own, and in a folder of this user alone', { skip }, () => {
  withTemporaryFolder(() => {
    const path = socketPath(`/nowhere/${LONG}`, 'agent')
    assert.ok(path.length <= 100)
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
    assert.equal(socketPath(`/nowhere/${LONG}`, 'agent'), path)
    assert.notEqual(socketPath(`/nowhere/${LONG}`, 'hub'), path)
    assert.notEqual(socketPath(`/nowhere/${LONG}y`, 'agent'), path)
  })
})

test('socketPath() is the same whichever way through symbolic links', { skip }, () => {
  using scratch = makeScratchFolder()
  mkdirSync(scratch.file('real'))
  symlinkSync(scratch.file('real'), scratch.file('link'))
  assert.equal(socketPath(scratch.file('link'), 'hub'), socketPath(scratch.file('real'), 'hub'))
})

test('socketPath() refuses a folder that others can use, or that is a link', { skip }, () => {
  withTemporaryFolder(folder => {
    const own = dirname(socketPath(`/nowhere/${LONG}`, 'agent'))
    chmodSync(own, 0o755)
    assert.throws(() => socketPath(`/nowhere/${LONG}`, 'agent'), { code: 'not-permitted' })
    rmSync(own, { recursive: true })
    mkdirSync(`${folder}/elsewhere`, { mode: 0o700 })
    symlinkSync(`${folder}/elsewhere`, own)
    assert.throws(() => socketPath(`/nowhere/${LONG}`, 'agent'), { code: 'not-permitted' })
  })
})
