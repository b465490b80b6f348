import { MeshError } from '../model/errors.ts'
import { parseUserName, type UserName } from '../model/names.ts'
import { quote } from '../model/quote.ts'
import { type DiskPath, parseDiskPath } from './disk-path.ts'

/** A place in the mesh's file space: whose, and a path below; the path is empty for all of that user's, the user absent for all. */
export interface MeshPath {
  readonly owner: UserName | undefined
  readonly path: DiskPath
}

/**
 * Read a place as a person writes it: `/users/bob/photos/2024`, or `photos/2024` for one's own. A slash at the end says nothing.
 *
 * @param self  whose paths without `/users/…` are
 * @throws MeshError `bad-name` for what could mean another place: `..`, empty names, NUL
 */
export function parseMeshPath(text: string, self: UserName): MeshPath {
  const trimmed = text.length > 1 ? text.replace(/\/$/, '') : text
  if (!trimmed.startsWith('/')) return { owner: self, path: parseDiskPath(trimmed) }
  if (trimmed === '/' || trimmed === '/users') return { owner: undefined, path: parseDiskPath('') }
  const [, user = '', rest = ''] = /^\/users\/([^/]+)(?:\/(.*))?$/s.exec(trimmed) ?? []
  if (user === '')
    throw new MeshError(
      'bad-name',
      `Cannot use path ${quote(text)}: write /users/USER/PATH, or PATH of your own`,
    )
  return { owner: parseUserName(user), path: parseDiskPath(rest) }
}

/** The place as everybody in the mesh may write it. */
export function formatMeshPath(owner: UserName, path: string): string {
  return path === '' ? `/users/${owner}` : `/users/${owner}/${path}`
}

/** What of a path is below another; undefined if it is not. `a/b` below `a` is `b`, `a` below itself is empty. */
export function pathBelow(path: string, above: string): string | undefined {
  if (path === above) return ''
  if (above === '') return path
  return path.startsWith(`${above}/`) ? path.slice(above.length + 1) : undefined
}

/**
 * Whether a name fits a pattern: `*` is any text without a slash, `**` any text, `?` one character; upper and lower case,
 * and ways to compose a letter, are alike. A pattern without these fits wherever the name has it.
 */
export function fitsPattern(name: string, pattern: string): boolean {
  const [text, wanted] = [fold(name), fold(pattern)]
  if (!/[*?]/.test(wanted)) return text.includes(wanted)
  const parts = wanted.split(/(\*+|\?)/).filter(part => part !== '')
  const last = text.slice(text.lastIndexOf('/') + 1)
  return matches(text, parts) || matches(last, parts)
}

/** Without going back over what was tried: each star remembers only its last beginning, so no pattern takes long. */
function matches(text: string, parts: readonly string[]): boolean {
  let reached = new Set([0])
  for (const part of parts) {
    const next = new Set<number>()
    for (const at of reached) {
      if (part === '?') {
        if (at < text.length && text[at] !== '/') next.add(at + 1)
      } else if (part.startsWith('*')) {
        for (let end = at; end <= text.length; end += 1) {
          if (next.has(end)) break
          next.add(end)
          if (part === '*' && text[end] === '/') break
        }
      } else if (text.startsWith(part, at)) next.add(at + part.length)
    }
    if (next.size === 0) return false
    reached = next
  }
  return reached.has(text.length)
}

function fold(text: string): string {
  return text.normalize('NFC').toLowerCase()
}
