import { toMeshError } from '../core/model/errors.ts'
import type { LoopbackAnswer } from '../net/loopback-server.ts'
import { condition, plain, refusal, SAFE_HEADERS } from './answers.ts'
import { formatHref } from './dav-path.ts'
import type { Lock } from './lock-table.ts'
import { formatLock } from './properties.ts'
import { elementsOf, isDav, readXml, type XmlElement } from './read-xml.ts'
import type { Share } from './share.ts'
import { checkLocks, checkPreconditions, depthOf, type Visit } from './visit.ts'
import { checkAbove, throwFault } from './write-file.ts'
import { formatRead, XML_HEAD, XML_TYPE } from './write-xml.ts'

/** `LOCK`: a new lock, or with an empty body more time for one. @see RFC 4918, section 9.10 */
export async function lockItem(visit: Visit): Promise<LoopbackAnswer> {
  const { request, share, tree, path, entry, isFolderMeant } = visit
  const root = await readXml(request.body)
  const timeoutMs = readTimeout(request.header('timeout'))
  if (root === undefined) return refresh(visit, timeoutMs)
  const wanted = readLock(root)
  const depth = depthOf(visit)
  if (wanted === undefined || depth === '1' || depth === undefined)
    return refusal(400, 'Cannot read the request: it is no lock that there is')
  if (entry === null && isFolderMeant) return refusal(409, 'There is no such folder')
  const change = [{ path, isNamed: true }]
  const refused =
    checkAbove(visit, path) ??
    checkPreconditions(visit) ??
    (entry === null ? checkLocks(visit, change) : undefined)
  if (refused !== undefined) return refused
  const isFolder = entry?.kind === 'folder'
  const terms = { ...wanted, root: path, isFolder, isDeep: depth === 'infinity' && isFolder, timeoutMs }
  const made = share.locks.add({ ...terms, token: `urn:uuid:${share.makeId()}` })
  if ('length' in made) {
    const hrefs = new Set(made.map(({ root: at, isFolder: is }) => formatHref(at, is)))
    return condition(423, 'no-conflicting-lock', [...hrefs])
  }
  if (entry === null) {
    try {
      const file = { name: path.slice(path.lastIndexOf('/') + 1), size: 0, mode: 0o644, mtimeMs: share.now() }
      const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
      throwFault((await tree.ask({ do: 'put', folder, files: [{ ...file, over: null }] })).answer)
    } catch (thrown) {
      share.locks.remove(made.token)
      throw toMeshError(thrown)
    }
  }
  return show(share, entry === null ? 201 : 200, made, { 'lock-token': `<${made.token}>` })
}

function refresh({ share, path, shown }: Visit, timeoutMs: number): LoopbackAnswer {
  const lock = share.locks.at(path).find(({ token }) => shown.has(token))
  const renewed = lock && share.locks.refresh(lock.token, timeoutMs)
  if (renewed === undefined) return condition(412, 'lock-token-matches-request-uri')
  return show(share, 200, renewed)
}

function show(
  share: Share,
  status: number,
  lock: Lock,
  headers: Record<string, string> = {},
): LoopbackAnswer {
  const inner = `<D:lockdiscovery>${formatLock(share, lock)}</D:lockdiscovery>`
  return {
    status,
    headers: { ...SAFE_HEADERS, 'content-type': XML_TYPE, ...headers },
    body: `${XML_HEAD}<D:prop xmlns:D="DAV:">${inner}</D:prop>`,
  }
}

/** `UNLOCK`. @see RFC 4918, section 9.11 */
export async function unlockItem({ request, share, path }: Visit): Promise<LoopbackAnswer> {
  const [, token] = /^\s*<([^<>\s]+)>\s*$/.exec(request.header('lock-token') ?? '') ?? []
  if (token === undefined) return refusal(400, 'Cannot read the Lock-Token header')
  if (!share.locks.at(path).some(lock => lock.token === token))
    return condition(409, 'lock-token-matches-request-uri')
  share.locks.remove(token)
  return plain(204)
}

function readLock(root: XmlElement): Pick<Lock, 'isShared' | 'owner'> | undefined {
  if (!isDav(root, 'lockinfo')) return undefined
  const [scope] = elementsOf(elementsOf(root, 'lockscope')[0])
  const [type] = elementsOf(elementsOf(root, 'locktype')[0])
  const [owner] = elementsOf(root, 'owner')
  const isScope = isDav(scope, 'exclusive') || isDav(scope, 'shared')
  if (!isScope || !isDav(type, 'write')) return undefined
  const shown = owner === undefined ? '' : formatRead(owner)
  return { isShared: isDav(scope, 'shared'), owner: shown.length > MAX_OWNER_CHARACTERS ? '' : shown }
}

/** `Timeout: Second-600, Infinite`: the first that we can do. */
function readTimeout(header: string | undefined): number {
  const seconds = /second-(\d{1,10})/i.exec(header ?? '')?.[1]
  return Math.min(Number(seconds ?? DEFAULT_LOCK_MS / 1_000) * 1_000, MAX_LOCK_MS)
}

/** The longest that a lock lasts without being renewed, ms. */
export const MAX_LOCK_MS = 3_600_000
const DEFAULT_LOCK_MS = 600_000
/** What an owner says of themselves; more is not kept. */
const MAX_OWNER_CHARACTERS = 4_096
