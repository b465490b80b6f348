import { MeshError } from '../model/errors.ts'
import { quote } from '../model/quote.ts'

/** A path below a folder, checked: names joined by `/`, no `.` or `..`, nothing before the first; empty is the folder itself. */
export type DiskPath = string & { readonly __disk: 'path' }

/** What the file system of a computer takes for a name. */
export type NameRules = 'posix' | 'windows'

/**
 * Check a path below a folder. Names stay as they are, in any script and composed in any way: on disk those differ.
 *
 * @param rules  `windows` refuses also what Windows would read as something else: `\`, `:`, `CON`, a dot at the end
 * @throws MeshError `bad-name` if it is absolute, has an empty name, `.`, `..`, a NUL or half a character, or is over 4,096 bytes,
 *   255 in a name, 128 names
 */
export function parseDiskPath(value: unknown, rules: NameRules = 'posix'): DiskPath {
  if (value === '') return '' as DiskPath
  if (typeof value !== 'string') throw bad(value, 'it is not text')
  // UTF-8 takes a byte at least for each unit.
  if (value.length > MAX_PATH_BYTES || utf8Length(value) > MAX_PATH_BYTES)
    throw bad(value, `over ${MAX_PATH_BYTES} bytes`)
  const names = value.split('/')
  if (names.length > MAX_PATH_NAMES) throw bad(value, `over ${MAX_PATH_NAMES} names`)
  for (const name of names) {
    const trouble = findNameTrouble(name, rules)
    if (trouble !== undefined) throw bad(value, trouble)
  }
  return value as DiskPath
}

/** The names of a path, outermost first. */
export function namesOf(path: DiskPath): string[] {
  return path === '' ? [] : path.split('/')
}

/** Why a text cannot be the name of a file, or undefined if it can. */
export function findNameTrouble(name: string, rules: NameRules = 'posix'): string | undefined {
  if (name === '') return 'a name in it is empty, or it begins or ends with a slash'
  if (name === '.' || name === '..') return 'it has "." or ".."'
  if (name.includes('/')) return 'a name has a slash'
  if (name.includes('\0')) return 'a name has a NUL'
  if (!name.isWellFormed()) return 'a name has half a character'
  if (name.length > MAX_NAME_BYTES || utf8Length(name) > MAX_NAME_BYTES)
    return `a name is over ${MAX_NAME_BYTES} bytes`
  if (rules === 'windows' && WINDOWS_TROUBLE.test(name)) return 'Windows takes no such name'
  return undefined
}

/**
 * Check where a symbolic link points: to something below the same folder, whatever other links are there.
 *
 * `..` may stand only at the beginning, where it climbs from the real place of the link; after a name it could climb from
 * wherever that, a link itself, leads.
 *
 * @param path    where the link is
 * @param target  as it is to be on disk
 * @throws MeshError `denied` if it leads out or is absolute, `bad-name` if it is no path
 */
export function checkLinkTarget(path: DiskPath, target: unknown, rules: NameRules = 'posix'): string {
  if (typeof target !== 'string' || target === '') throw bad(target, 'a link needs a target')
  const parts = target.split('/')
  let depth = namesOf(path).length - 1
  let at = 0
  for (; parts[at] === '..'; at += 1) depth -= 1
  if (depth < 0 || target.startsWith('/')) throw leads(path, target)
  // A folder itself: `.`, `..`, or with a slash at the end.
  const rest = parts.slice(at).filter((part, index, all) => !(part === '' && index === all.length - 1))
  if (rest.length === 1 && rest[0] === '.') return target
  if (rest.some(part => part === '..')) throw leads(path, target)
  if (rest.length > 0) parseDiskPath(rest.join('/'), rules)
  if (target.length > MAX_PATH_BYTES) throw bad(target, `over ${MAX_PATH_BYTES} bytes`)
  return target
}

function leads(path: string, target: string): MeshError {
  return new MeshError(
    'denied',
    `Cannot use link ${quote(path)}: it leads to ${quote(target)}, out of its folder`,
  )
}

function bad(value: unknown, why: string): MeshError {
  return new MeshError('bad-name', `Cannot use path ${quote(value)}: ${why}`)
}

function utf8Length(text: string): number {
  return encoder.encode(text).length
}

const encoder = new TextEncoder()

/** The longest path below a folder, in bytes of UTF-8. */
export const MAX_PATH_BYTES = 4_096
/** The longest name of a file, in bytes of UTF-8, as nearly every file system has it. */
export const MAX_NAME_BYTES = 255
/** Names in a path. */
export const MAX_PATH_NAMES = 128

// https://learn.microsoft.com/windows/win32/fileio/naming-a-file
const WINDOWS_TROUBLE =
  /[\\:*?"<>|\u0000-\u001f]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i
