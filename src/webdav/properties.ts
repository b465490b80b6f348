import { shownTypeOf } from '../core/files/shown-type.ts'
import type { TreeEntry } from '../core/files/tree-entry.ts'
import { nameOf } from '../core/files/tree-path.ts'
import { formatHref } from './dav-path.ts'
import { type DeadProperty, propertyKey } from './dead-properties.ts'
import type { Lock } from './lock-table.ts'
import { DAV, elementsOf, isDav, type XmlElement } from './read-xml.ts'
import { etagOf, type Share } from './share.ts'
import { escapeXml, formatElement } from './write-xml.ts'

/** What properties are wanted. */
export type Wanted =
  | { readonly kind: 'all' | 'names' }
  | { readonly kind: 'some'; readonly names: readonly { readonly space: string; readonly name: string }[] }

/**
 * Read the body of a `PROPFIND`; without one, all.
 *
 * @returns undefined if it is not of its form
 * @see RFC 4918, section 14.20
 */
export function readWanted(root: XmlElement | undefined): Wanted | undefined {
  if (root === undefined) return { kind: 'all' }
  if (!isDav(root, 'propfind')) return undefined
  const [prop] = elementsOf(root, 'prop')
  const [isAll, isNames] = [elementsOf(root, 'allprop').length > 0, elementsOf(root, 'propname').length > 0]
  if ([prop !== undefined, isAll, isNames].filter(Boolean).length !== 1) return undefined
  if (prop !== undefined) return { kind: 'some', names: elementsOf(prop) }
  return { kind: isAll ? 'all' : 'names' }
}

/**
 * What is told of one file or folder.
 *
 * @returns an element `response`
 * @see RFC 4918, sections 9.1 and 15
 */
export function formatResponse(
  share: Share,
  {
    path,
    entry,
    isReadOnly,
  }: { readonly path: string; readonly entry: TreeEntry; readonly isReadOnly: boolean },
  wanted: Wanted,
): string {
  const live = liveProperties(share, path, entry, isReadOnly)
  const dead = share.properties.of(path)
  const href = `<D:href>${escapeXml(formatHref(path, entry.kind === 'folder'))}</D:href>`
  const formatLive = ([name, value]: [string, string]) => formatElement({ space: DAV, name }, value)
  if (wanted.kind !== 'some') {
    const found =
      wanted.kind === 'names'
        ? [...live.keys()]
            .map(name => formatElement({ space: DAV, name }))
            .concat([...dead.values()].map(nameAlone))
        : [...live].map(formatLive).concat([...dead.values()].map(({ xml }) => xml))
    return `<D:response>${href}${formatStatus(found, '200 OK')}</D:response>`
  }
  const found: string[] = []
  const missing: string[] = []
  for (const name of wanted.names) {
    const value = name.space === DAV ? live.get(name.name) : undefined
    const xml = value === undefined ? dead.get(propertyKey(name))?.xml : formatLive([name.name, value])
    if (xml !== undefined) found.push(xml)
    else missing.push(formatElement(name))
  }
  const parts = [
    ...(found.length > 0 || missing.length === 0 ? [formatStatus(found, '200 OK')] : []),
    ...(missing.length > 0 ? [formatStatus(missing, '404 Not Found')] : []),
  ]
  return `<D:response>${href}${parts.join('')}</D:response>`
}

function nameAlone(property: DeadProperty): string {
  return formatElement(property)
}

/** Properties that are alike. @param status  `200 OK` */
export function formatStatus(properties: readonly string[], status: string): string {
  return `<D:propstat><D:prop>${properties.join('')}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat>`
}

/** By name; values are XML. */
function liveProperties(
  share: Share,
  path: string,
  entry: TreeEntry,
  isReadOnly: boolean,
): Map<string, string> {
  const live = new Map([
    ['resourcetype', entry.kind === 'folder' ? '<D:collection/>' : ''],
    ['supportedlock', isReadOnly ? '' : SUPPORTED_LOCKS],
    [
      'lockdiscovery',
      share.locks
        .at(path)
        .map(lock => formatLock(share, lock))
        .join(''),
    ],
  ])
  if (path !== '') live.set('displayname', escapeXml(nameOf(path)))
  if (entry.kind !== 'link' && entry.mtimeMs !== undefined)
    live.set('getlastmodified', new Date(entry.mtimeMs).toUTCString())
  if (entry.kind === 'file') {
    live.set('getcontentlength', String(entry.size))
    live.set('getcontenttype', shownTypeOf(path).type)
    live.set('getetag', escapeXml(etagOf(entry) ?? ''))
  }
  return live
}

/** A lock, as an element `activelock`. @see RFC 4918, section 14.1 */
export function formatLock(share: Share, lock: Lock): string {
  const { token, root, isFolder, isDeep, isShared, owner, endsMs } = lock
  const seconds = Math.max(0, Math.ceil((endsMs - share.now()) / 1_000))
  return [
    '<D:activelock><D:locktype><D:write/></D:locktype>',
    `<D:lockscope><D:${isShared ? 'shared' : 'exclusive'}/></D:lockscope>`,
    `<D:depth>${isDeep ? 'infinity' : '0'}</D:depth>${owner}<D:timeout>Second-${seconds}</D:timeout>`,
    `<D:locktoken><D:href>${escapeXml(token)}</D:href></D:locktoken>`,
    `<D:lockroot><D:href>${escapeXml(formatHref(root, isFolder))}</D:href></D:lockroot></D:activelock>`,
  ].join('')
}

const SUPPORTED_LOCKS = ['exclusive', 'shared']
  .map(
    scope =>
      `<D:lockentry><D:lockscope><D:${scope}/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`,
  )
  .join('')
