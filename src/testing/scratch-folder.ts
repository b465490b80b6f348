import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new empty folder of mode 0700 that is removed, with all in it, when disposed. */
export interface ScratchFolder extends Disposable {
  readonly path: string
  /** The path of a name in it. */
  file(name: string): string
}

/** Make a folder for one test below the system's temporary folder. */
export function makeScratchFolder(): ScratchFolder {
  const path = mkdtempSync(join(tmpdir(), 'ztm-test-'))
  return {
    path,
    file: name => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}
