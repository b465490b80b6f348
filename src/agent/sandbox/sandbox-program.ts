import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MeshError } from '../../core/model/errors.ts'

/** Our own half of a sandboxed process: where its first file is, and the folder that holds all of it. */
export interface SandboxProgram {
  readonly node: string
  readonly entry: string
  readonly folder: string
}

/** Find it: from source beside the other rooms; from the bundle, whose parts lie in a folder, the one file made for it. */
export function findSandboxProgram(): SandboxProgram {
  const here = import.meta.dirname
  const node = process.execPath
  const source = join(here, '../../sandboxed/main.ts')
  if (existsSync(source)) return { node, entry: source, folder: dirname(dirname(source)) }
  for (const folder of [here, dirname(here)]) {
    const entry = join(folder, 'sandboxed.mjs')
    if (existsSync(entry)) return { node, entry, folder: entry }
  }
  throw new MeshError(
    'unsupported',
    'Cannot run programs of others: a file of ztm is missing: install it again',
  )
}
