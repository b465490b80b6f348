import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import { makeScratchFolder } from './scratch-folder.ts'

/** A file system of its own with little room; unmounted when disposed, so use it with `using`. */
export interface SmallDisk extends Disposable {
  readonly path: string
  /** The path of a name on it. */
  file(name: string): string
  /** Take all room that is left, to the last block, with a file. @returns a function that removes the file */
  fill(): () => void
}

/**
 * Mount a file system in memory that is soon full; where this computer allows none, skip the test and say why.
 *
 * @param sizeBytes  its room, a multiple of 4,096
 * @returns the disk, or undefined in a test that is skipped
 */
export function mountSmallDisk(t: TestContext, sizeBytes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    t.skip('a small disk needs root on Linux to be mounted')
    return undefined
  }
  const folder = makeScratchFolder()
  const path = folder.file('disk')
  mkdirSync(path)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', path], {
    encoding: 'utf8',
  })
  if (mounted.status !== 0) {
    folder[Symbol.dispose]()
    t.skip(`a small disk cannot be mounted here: ${mounted.error?.message ?? mounted.stderr.trim()}`)
    return undefined
  }
  return {
    path,
    file: name => join(path, name),
    fill: () => {
      const filler = join(path, 'filler')
      const { bavail, bsize } = statfsSync(path)
      writeFileSync(filler, new Uint8Array(bavail * bsize))
      assert.equal(statfsSync(path).bavail, 0)
      return () => rmSync(filler)
    },
    [Symbol.dispose]: () => {
      // Lazy: also when a failed test left a file open there.
      spawnSync('umount', ['-l', path])
      folder[Symbol.dispose]()
    },
  }
}
