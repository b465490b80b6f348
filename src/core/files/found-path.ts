import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'
import { parseDiskPath } from './disk-path.ts'
import type { Tree } from './tree-entry.ts'
import { parentOf } from './tree-path.ts'

/**
 * Check a path that another endpoint says it found below `top`: it is one, below it, and in a folder it has told of before.
 *
 * Otherwise what is written here by that name could come to lie anywhere.
 *
 * @returns the path; undefined if the folder it is in was not wanted
 * @throws MeshError `bad-message`
 */
export function checkFoundPath(path: string, top: string, tree: Tree): string | undefined {
  const isBelow = top === '' ? path !== '' : path.startsWith(`${top}/`)
  try {
    parseDiskPath(path)
  } catch (cause) {
    throw new MeshError('bad-message', `Cannot use list: it has ${quote(path)}`, { cause })
  }
  if (!isBelow)
    throw new MeshError('bad-message', `Cannot use list: ${quote(path)} is not below what was asked for`)
  const above = parentOf(path) ?? ''
  if (above === top) return path
  const parent = tree.get(above)
  if (parent === undefined) return undefined
  if (parent.kind === 'folder') return path
  throw new MeshError('bad-message', `Cannot use list: ${quote(above)} is no folder, yet has something in it`)
}
