import type { TreeEntry } from '../core/files/tree-entry.ts'
import { parentOf } from '../core/files/tree-path.ts'
import type { LoopbackAnswer } from '../net/loopback-server.ts'
import { plain, refusal } from './answers.ts'
import { copyTree } from './copy-tree.ts'
import { checkLocks, checkPreconditions, depthOf, type Visit } from './visit.ts'
import { checkAbove, throwFault } from './write-file.ts'

/** `MKCOL`. @see RFC 4918, section 9.3 */
export async function makeFolder(visit: Visit): Promise<LoopbackAnswer> {
  const { request, tree, path, entry } = visit
  if (Number(request.header('content-length') ?? 0) > 0 || request.header('transfer-encoding') !== undefined)
    return refusal(415, 'Cannot make a folder by what the body says')
  if (entry !== null) return refusal(405, 'Something is there already')
  const refused =
    checkAbove(visit, path) ?? checkPreconditions(visit) ?? checkLocks(visit, [{ path, isNamed: true }])
  if (refused !== undefined) return refused
  const { answer } = await tree.ask({ do: 'make-folders', paths: [path] })
  throwFault(answer)
  return plain(201)
}

/** `DELETE`: a folder with all that is in it. @see RFC 4918, section 9.6 */
export async function removeItem(visit: Visit): Promise<LoopbackAnswer> {
  const { path, entry } = visit
  if (entry === null) return refusal(404, 'There is nothing of that name')
  if (path === '') return refusal(403, 'Cannot remove the share itself')
  if (entry.kind === 'folder' && depthOf(visit) !== 'infinity')
    return refusal(400, 'A folder goes with all in it')
  const refused = checkPreconditions(visit) ?? checkLocks(visit, [{ path, isDeep: true, isNamed: true }])
  if (refused !== undefined) return refused
  await remove(visit, path, entry, visit.request.header('if-match') !== undefined)
  return plain(204)
}

async function remove({ share, tree }: Visit, path: string, entry: TreeEntry, isHeld = false): Promise<void> {
  const was = isHeld && entry.kind === 'file' ? entry.version : undefined
  const item = { path, isWhole: entry.kind === 'folder', ...(was !== undefined && { was }) }
  const { answer } = await tree.ask({ do: 'remove', items: [item] })
  throwFault(answer)
  share.locks.removeBelow(path)
  share.properties.removeBelow(path)
}

/** `COPY` and `MOVE`. @see RFC 4918, sections 9.8 and 9.9 */
export async function copyOrMove(visit: Visit): Promise<LoopbackAnswer> {
  const { share, tree, path, entry, to, entries } = visit
  const isMove = visit.request.method === 'MOVE'
  if (entry === null) return refusal(404, 'There is nothing of that name')
  const refused = checkPlaces(visit, isMove)
  if (refused !== undefined || to === undefined)
    return refused ?? refusal(400, 'The Destination header is missing')
  const there = entries.get(to) ?? null
  const change = { path: to, isDeep: true, isNamed: there === null }
  const locked = checkLocks(visit, [change, ...(isMove ? [{ path, isDeep: true, isNamed: true }] : [])])
  if (locked !== undefined) return locked
  // Files take each other's place in one moment; of folders the old one goes first.
  const isOver = there?.kind === 'file' && entry.kind === 'file'
  if (there !== null && !isOver) await remove(visit, to, there)
  const over = isOver ? there.version : undefined
  if (isMove) {
    await tree.ask({ do: 'move', path, to, ...(over !== undefined && { over }) })
    share.locks.removeBelow(path)
  } else await copyTree(visit, { to, isDeep: depthOf(visit) === 'infinity', over })
  if (isOver) {
    share.properties.removeBelow(to)
    share.locks.removeBelow(to)
  }
  const how = isMove ? 'moved' : depthOf(visit) === 'infinity' ? 'copied' : 'copied-alone'
  share.properties.carry(path, to, how)
  return plain(there === null ? 201 : 204)
}

function checkPlaces(visit: Visit, isMove: boolean): LoopbackAnswer | undefined {
  const { path, entry, to, entries, tree } = visit
  if (to === undefined) return undefined
  const depth = depthOf(visit)
  const isWrongDepth = entry?.kind === 'folder' && (depth === '1' || (isMove && depth !== 'infinity'))
  if (depth === undefined || isWrongDepth) return refusal(400, 'Cannot do it to that depth')
  const overwrite = (visit.request.header('overwrite') ?? 'T').trim().toUpperCase()
  if (overwrite !== 'T' && overwrite !== 'F') return refusal(400, 'Cannot read the Overwrite header')
  const fold = (one: string) => (tree.opened.foldsNames ? one.normalize('NFC').toLowerCase() : one)
  const [from, target] = [`${fold(path)}/`, `${fold(to)}/`]
  if (path === '' || to === '' || from === target || from.startsWith(target) || target.startsWith(from))
    return refusal(403, 'Cannot copy or move it there: one is in the other')
  if (entries.get(parentOf(to) ?? '')?.kind === 'link') return refusal(403, 'A symbolic link is there')
  const misplaced = checkAbove(visit, to)
  if (misplaced !== undefined) return misplaced
  const there = entries.get(to) ?? null
  if (there?.kind === 'link') return refusal(403, 'A symbolic link is there')
  if (there !== null && overwrite === 'F') return refusal(412, 'Something is there already')
  return checkPreconditions(visit)
}
