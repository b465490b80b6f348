import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { makeScratchFolder } from './scratch-folder.ts'

/** A file system of its own with little room; unmounted when disposed, so use it with `using`. */
export interface SmallDisk extends Disposable {
  readonly path: string
  file(name: string): string
}

/**
 * Mount a file system in memory that is soon full.
 *
 * @param sizeBytes  its room, a multiple of 4,096
 * @returns the disk, or a sentence that says why this computer gives none (a test skips with it)
 */
export function mountSmallDisk(sizeBytes: number): SmallDisk | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    return 'a small disk needs root on Linux to be mounted'
  }
  const folder = makeScratchFolder()
  const path = folder.file('disk')
  mkdirSync(path)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=0700`, 'tmpfs', path], {
    encoding: 'utf8',
  })
  if (mounted.status !== 0) {
    folder[Symbol.dispose]()
    return `a small disk cannot be mounted here: ${mounted.error?.message ?? mounted.stderr.trim()}`
  }
  return {
    path,
    file: name => join(path, name),
    [Symbol.dispose]: () => {
      // Lazy: also when a failed test left a file open there.
      spawnSync('umount', ['-l', path])
      folder[Symbol.dispose]()
    },
  }
}
