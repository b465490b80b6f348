import { MeshError } from '../model/errors.ts'

/** The path of a request as routes are matched against it. */
export interface RequestPath {
  /** Decoded, without empty ones: `/a//b%20c/` is `a`, `b c`. */
  readonly segments: readonly string[]
  /**
   * The same with `%2F` and `%5C` taken for a slash, where the path has one: some programs read it so. A path that
   * fits different routes in these two ways is refused.
   */
  readonly split: readonly string[] | undefined
}

/**
 * Read the path of a request target, `/path?query`.
 *
 * What programs behind the gateway may read in more than one way is refused, as it could get around a route: `.` and
 * `..` however written, backslashes, control characters, bytes that are not UTF-8.
 *
 * @throws MeshError `bad-message`
 * @see RFC 3986, section 3.3
 */
export function parseRequestPath(target: string): RequestPath {
  const query = target.indexOf('?')
  const path = query === -1 ? target : target.slice(0, query)
  if (!path.startsWith('/')) throw refuse('it does not begin with a slash')
  if (path.includes('\\') || path.includes('#')) throw refuse('it has a character that may not be in it')
  const segments: string[] = []
  let isSplit = false
  for (const raw of path.split('/')) {
    if (raw === '') continue
    const segment = raw.includes('%') ? decode(raw) : raw
    if (/[\p{Cc}]/u.test(segment)) throw refuse('it has a control character')
    const parts = segment.split(/[/\\]/)
    if (parts.some(isDots)) throw refuse('it has a "." or ".." for a part')
    if (parts.length > 1) isSplit = true
    segments.push(segment)
  }
  if (segments.length > MAX_PATH_SEGMENTS) throw refuse(`it has over ${MAX_PATH_SEGMENTS} parts`)
  const split = isSplit
    ? segments.flatMap(segment => segment.split(/[/\\]/)).filter(part => part !== '')
    : undefined
  return { segments, split }
}

/**
 * A request target without the beginning that its route had.
 *
 * @param prefix  `/v1`, without a slash at its end
 * @throws MeshError `bad-message` for one that is written otherwise than the prefix is
 */
export function withoutPrefix(target: string, prefix: string): string {
  // The route fits with words decoded and slashes joined; one that is written so otherwise is not guessed at.
  if (!target.startsWith(prefix) || !/^(?:[/?]|$)/.test(target.slice(prefix.length)))
    throw new MeshError('bad-message', `Cannot read request: bad path: write ${prefix} as it is`)
  const rest = target.slice(prefix.length)
  return rest.startsWith('/') ? rest : `/${rest}`
}

function isDots(part: string): boolean {
  // `..;x` is `..` to servlet containers.
  const [name = ''] = part.split(';', 1)
  return name === '.' || name === '..'
}

function decode(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    throw refuse('it is not percent-encoded UTF-8')
  }
}

function refuse(why: string): MeshError {
  return new MeshError('bad-message', `Cannot read request: bad path: ${why}`)
}

/** Parts of a path that is matched. */
export const MAX_PATH_SEGMENTS = 256
