import type { TreeEntry } from '../core/files/tree-entry.ts'
import { parentOf } from '../core/files/tree-path.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { LoopbackAnswer, LoopbackRequest } from '../net/loopback-server.ts'
import { condition, refusal } from './answers.ts'
import { formatHref, parseDavPath } from './dav-path.ts'
import { fitsIf, type IfList, parseIf, shownTokens } from './if-header.ts'
import type { Lock } from './lock-table.ts'
import { etagOf, isBroken, type Share, type ShareTree } from './share.ts'

/** One request, and what it met. */
export interface Visit {
  readonly share: Share
  readonly request: LoopbackRequest
  readonly tree: ShareTree
  /** What it is about, below the root of the tree. */
  readonly path: string
  /** It was written with a slash at the end. */
  readonly isFolderMeant: boolean
  /** What is there. */
  readonly entry: TreeEntry | null
  /** What is at a path that the request names; null for nothing. */
  readonly entries: ReadonlyMap<string, TreeEntry | null>
  /** The other place that it is about. */
  readonly to: string | undefined
  /** Tokens of locks that it has shown. */
  readonly shown: ReadonlySet<string>
}

/**
 * Look at what a request is about, once more if the connection to the tree turns out to be broken.
 *
 * @param hosts  the authorities that are this server
 * @returns the visit, or what to answer at once
 * @throws MeshError
 */
export async function openVisit(
  share: Share,
  request: LoopbackRequest,
  hosts: ReadonlySet<string>,
): Promise<Visit | LoopbackAnswer> {
  const target = parseDavPath(request.target, hosts)
  if (target === undefined) return refusal(400, 'Cannot answer: that is another server')
  const destination = request.header('destination')
  const to = destination === undefined ? undefined : parseDavPath(destination, hosts)
  if (destination !== undefined && to === undefined)
    return refusal(502, 'Cannot copy or move to another server')
  const header = request.header('if')
  const lists = header === undefined ? [] : parseIf(header)
  const resources = new Map(lists.flatMap(list => resourceOf(list, hosts)))
  const paths = new Set([target.path, ...(to === undefined ? [] : [to.path]), ...resources.values()])
  for (const path of [target.path, to?.path]) {
    const above = path === undefined ? undefined : parentOf(path)
    if (above !== undefined) paths.add(above)
  }
  if (paths.size > MAX_RESOURCES)
    throw new MeshError('bad-input', 'Cannot read the If header: it names too much')
  const { tree, entries } = await look(share, [...paths])
  const visit = {
    share,
    request,
    tree,
    path: target.path,
    isFolderMeant: target.isFolder,
    entry: entries.get(target.path) ?? null,
    entries,
    to: to?.path,
    shown: shownTokens(lists),
  }
  return lists.length === 0 ? visit : (checkIf(visit, lists, resources) ?? visit)
}

function resourceOf({ resource }: IfList, hosts: ReadonlySet<string>): [string, string][] {
  if (resource === undefined) return []
  const found = parseDavPath(resource, hosts)
  return found === undefined ? [] : [[resource, found.path]]
}

async function look(share: Share, paths: string[]) {
  for (let tries = 0; ; tries += 1) {
    const tree = await share.trees.take()
    try {
      const { answer } = await tree.ask({ do: 'look', paths })
      const found = answer.entries ?? []
      if (found.length !== paths.length)
        throw new MeshError('bad-message', 'Cannot look: not all was answered')
      const entries = new Map(paths.map((path, index) => [path, (found[index] ?? null) as TreeEntry | null]))
      return { tree, entries }
    } catch (thrown) {
      if (!isBroken(toMeshError(thrown)) || tries > 0) throw thrown
      share.trees.drop(tree)
    }
  }
}

/** @see RFC 4918, section 10.4.3 */
function checkIf(
  visit: Visit,
  lists: readonly IfList[],
  resources: ReadonlyMap<string, string>,
): LoopbackAnswer | undefined {
  const { share, entries } = visit
  const holds = fitsIf(lists, ({ kind, value }, { resource }) => {
    const path = resource === undefined ? visit.path : resources.get(resource)
    if (path === undefined) return false
    if (kind === 'etag') return etagOf(entries.get(path) ?? null) === value
    return share.locks.at(path).some(({ token }) => token === value)
  })
  return holds ? undefined : refusal(412, 'Cannot do it: what the If header says is not so')
}

/** What of a path is going to be changed. */
export interface Change {
  readonly path: string
  /** With all that is below it. */
  readonly isDeep?: boolean
  /** Its name comes to be there, or goes. */
  readonly isNamed?: boolean
}

/** Refuse what is locked by others: those who have not shown the token. @see RFC 4918, section 7 */
export function checkLocks({ share, shown }: Visit, changes: readonly Change[]): LoopbackAnswer | undefined {
  const { locks } = share
  const isOpen = (held: readonly Lock[]) => held.length === 0 || held.some(({ token }) => shown.has(token))
  const closed: Lock[] = []
  for (const { path, isDeep = false, isNamed = false } of changes) {
    const places = [path, ...(isDeep ? locks.below(path).map(({ root }) => root) : [])]
    const above = parentOf(path)
    if (isNamed && above !== undefined) places.push(above)
    for (const place of places) {
      const held = locks.at(place)
      if (!isOpen(held)) closed.push(...held)
    }
  }
  if (closed.length === 0) return undefined
  const hrefs = new Set(closed.map(({ root, isFolder }) => formatHref(root, isFolder)))
  return condition(423, 'lock-token-submitted', [...hrefs])
}

/**
 * Hold a change to what `If-Match`, `If-None-Match` and `If-Unmodified-Since` say.
 *
 * @see RFC 9110, section 13.2.2
 */
export function checkPreconditions({ request, entry }: Visit): LoopbackAnswer | undefined {
  const etag = etagOf(entry)
  const names = (header: string) =>
    header.split(',').some(one => (one.trim() === '*' ? entry !== null : one.trim() === etag))
  const [match, noneMatch] = [request.header('if-match'), request.header('if-none-match')]
  const since = Date.parse(request.header('if-unmodified-since') ?? '')
  const isLater = entry?.kind === 'file' && Math.floor(entry.mtimeMs / 1_000) * 1_000 > since
  const isMet =
    (match === undefined ? !isLater : names(match)) && (noneMatch === undefined || !names(noneMatch))
  return isMet ? undefined : refusal(412, 'Cannot do it: the file is another than was expected')
}

/** `Depth`. @returns undefined for what is none */
export function depthOf({ request }: Visit): '0' | '1' | 'infinity' | undefined {
  const depth = (request.header('depth') ?? 'infinity').trim().toLowerCase()
  return depth === '0' || depth === '1' || depth === 'infinity' ? depth : undefined
}

/** Resources that one `If` header may name. */
const MAX_RESOURCES = 100
