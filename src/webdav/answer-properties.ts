import type { TreeEntry } from '../core/files/tree-entry.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { LoopbackAnswer } from '../net/loopback-server.ts'
import { condition, refusal, SAFE_HEADERS } from './answers.ts'
import { formatHref } from './dav-path.ts'
import type { PropertyChange } from './dead-properties.ts'
import { listFolder } from './list-folder.ts'
import { formatResponse, formatStatus, readWanted } from './properties.ts'
import { DAV, elementsOf, isDav, readXml, type XmlElement } from './read-xml.ts'
import { checkLocks, checkPreconditions, depthOf, type Visit } from './visit.ts'
import { escapeXml, formatElement, XML_HEAD, XML_TYPE } from './write-xml.ts'

/** `PROPFIND`: of what is named, or of what is in it, too; not of all below. @see RFC 4918, section 9.1 */
export async function findProperties(visit: Visit): Promise<LoopbackAnswer> {
  const { request, share, tree, path, entry } = visit
  const wanted = readWanted(await readXml(request.body))
  if (wanted === undefined) return refusal(400, 'Cannot read the request: it is no propfind')
  if (entry === null) return refusal(404, 'There is nothing of that name')
  const depth = depthOf(visit)
  if (depth === undefined) return refusal(400, 'Cannot read the Depth header')
  if (depth === 'infinity') return condition(403, 'propfind-finite-depth')
  const listed: [string, TreeEntry][] = [[path, entry]]
  if (depth === '1' && entry.kind === 'folder') listed.push(...(await listFolder(visit)))
  const { isReadOnly } = tree.opened
  return multistatus(
    (function* () {
      for (const [at, found] of listed)
        yield formatResponse(share, { path: at, entry: found, isReadOnly }, wanted)
    })(),
  )
}

/** Several answers in one. @param responses  made as they are taken */
function multistatus(responses: Iterable<string>): LoopbackAnswer {
  return { status: 207, headers: { ...SAFE_HEADERS, 'content-type': XML_TYPE }, body: formatAll(responses) }
}

async function* formatAll(responses: Iterable<string>): AsyncGenerator<string> {
  let text = `${XML_HEAD}<D:multistatus xmlns:D="DAV:">`
  for (const response of responses) {
    text += response
    if (text.length < WRITE_CHARACTERS) continue
    yield text
    text = ''
  }
  yield `${text}</D:multistatus>`
}

/** `PROPPATCH`: all that is said, or nothing of it. @see RFC 4918, section 9.2 */
export async function changeProperties(visit: Visit): Promise<LoopbackAnswer> {
  const { request, share, path, entry } = visit
  const changes = readChanges(await readXml(request.body))
  if (changes === undefined) return refusal(400, 'Cannot read the request: it is no propertyupdate')
  if (entry === null) return refusal(404, 'There is nothing of that name')
  const refused = checkPreconditions(visit) ?? checkLocks(visit, [{ path }])
  if (refused !== undefined) return refused
  const isOurs = ({ element }: PropertyChange) => element.space === DAV
  const names = (some: readonly PropertyChange[]) => [
    ...new Set(some.map(({ element }) => formatElement(element))),
  ]
  const parts: string[] = []
  if (changes.some(isOurs)) {
    parts.push(formatStatus(names(changes.filter(isOurs)), '403 Forbidden'))
    const others = changes.filter(change => !isOurs(change))
    if (others.length > 0) parts.push(formatStatus(names(others), '424 Failed Dependency'))
  } else {
    try {
      share.properties.change(path, changes)
      await keepTime(visit, changes)
      parts.push(formatStatus(names(changes), '200 OK'))
    } catch (thrown) {
      if (toMeshError(thrown).code !== 'storage-full') throw thrown
      parts.push(formatStatus(names(changes), '507 Insufficient Storage'))
    }
  }
  const href = `<D:href>${escapeXml(formatHref(path, entry.kind === 'folder'))}</D:href>`
  return multistatus([`<D:response>${href}${parts.join('')}</D:response>`])
}

/** In their order. @returns undefined if it is not of its form */
function readChanges(root: XmlElement | undefined): PropertyChange[] | undefined {
  if (!isDav(root, 'propertyupdate')) return undefined
  const changes = elementsOf(root).flatMap(step => {
    const what = isDav(step, 'set') ? 'set' : isDav(step, 'remove') ? 'remove' : undefined
    if (what === undefined) return []
    return elementsOf(step, 'prop').flatMap(prop =>
      elementsOf(prop).map(element => ({ do: what, element }) as const),
    )
  })
  return changes.length === 0 ? undefined : changes
}

/** Windows says when a file was written after it has put it there. */
async function keepTime({ tree, path, entry }: Visit, changes: readonly PropertyChange[]): Promise<void> {
  const time = changes.find(
    ({ do: what, element: { space, name } }) =>
      what === 'set' && space === 'urn:schemas-microsoft-com:' && name === 'Win32LastModifiedTime',
  )
  const mtimeMs = Date.parse(time?.element.children.filter(child => typeof child === 'string').join('') ?? '')
  if (entry?.kind === 'file' && Number.isFinite(mtimeMs))
    await tree.ask({ do: 'touch', items: [{ path, mtimeMs }] }).catch(() => {})
}

/** Characters of an answer that are written at once. */
const WRITE_CHARACTERS = 65_536
