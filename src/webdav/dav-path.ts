import { parseDiskPath } from '../core/files/disk-path.ts'
import { MeshError } from '../core/model/errors.ts'
import { quote } from '../core/model/quote.ts'

/** A path of the tree that a request names. */
export interface DavPath {
  /** Below the root of the tree; empty for that. */
  readonly path: string
  /** It was written with a slash at the end: a folder is meant. */
  readonly isFolder: boolean
}

/**
 * Read a request target, or what a `Destination` or `If` header names.
 *
 * Escapes are taken off once, name by name, so that no spelling of a slash or of `..` makes another path of it.
 *
 * @param target  `/a/b%20c`, or a whole URL
 * @param hosts   the authorities that are this server
 * @returns undefined if it names another server
 * @throws MeshError `bad-name`
 */
export function parseDavPath(target: string, hosts: ReadonlySet<string>): DavPath | undefined {
  const bad = (why: string) => new MeshError('bad-name', `Cannot use ${quote(target)}: ${why}`)
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target) ?? []
  if (authority !== undefined && !hosts.has(authority.toLowerCase())) return undefined
  const path = authority === undefined ? target : rest || '/'
  if (!path.startsWith('/')) throw bad('it is no path')
  if (/[?#]/.test(path)) throw bad('it has a query or a fragment: write ? as %3F, and # as %23')
  if (/[^\x21-\x7e]/.test(path)) throw bad('it has what must be escaped')
  const isFolder = path.endsWith('/')
  const names = path.slice(1, isFolder ? -1 : undefined)
  if (path === '/') return { path: '', isFolder }
  return { path: parseDiskPath(names.split('/').map(decodeName).join('/')), isFolder }

  function decodeName(written: string): string {
    let name: string
    try {
      name = decodeURIComponent(written)
    } catch {
      throw bad('an escape in it is none of UTF-8')
    }
    if (name.includes('/')) throw bad('a name has a slash')
    return name
  }
}

/** A path of the tree, as it is written in answers. */
export function formatHref(path: string, isFolder: boolean): string {
  if (path === '') return '/'
  const names = path.split('/').map(name => encodeURIComponent(name.toWellFormed()))
  return `/${names.join('/')}${isFolder ? '/' : ''}`
}
