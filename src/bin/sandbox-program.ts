import { join } from 'node:path'
import type { SandboxProgram } from '../agent/sandbox/sandbox.ts'

/** What runs first in a sandboxed process: from source beside this file, from the bundle the one file made for it. */
export function sandboxProgram(): SandboxProgram {
  const node = process.execPath
  if (import.meta.filename.endsWith('.ts')) {
    const folder = join(import.meta.dirname, '..')
    return { node, entry: join(folder, 'sandboxed/main.ts'), folder }
  }
  // The parts of the bundle lie in a folder beside it.
  const entry = join(import.meta.dirname, '../sandboxed.mjs')
  return { node, entry, folder: entry }
}
