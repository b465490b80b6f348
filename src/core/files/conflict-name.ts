import { MAX_NAME_BYTES } from './disk-path.ts'
import { childOf, nameOf, parentOf } from './tree-path.ts'

/** Whose copy it is, and when it was set aside. */
export interface ConflictMark {
  /** Name of the endpoint that had it. */
  readonly endpoint: string
  /** ms since the epoch. */
  readonly nowMs: number
}

/**
 * The name under which a file is kept whose own name another one got:
 * `notes.conflict-20261121-193500-laptop.txt`, with a number if that is taken as well.
 *
 * @param isTaken  whether something has that path already, on either side
 */
export function conflictPath(path: string, mark: ConflictMark, isTaken: (path: string) => boolean): string {
  const name = nameOf(path)
  const dot = name.lastIndexOf('.')
  // A name that begins with its only dot has no ending.
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, '']
  const time = new Date(mark.nowMs)
    .toISOString()
    .replaceAll('-', '')
    .replaceAll(':', '')
    .replace('T', '-')
    .slice(0, 15)
  const endpoint = mark.endpoint.replace(/[^\p{L}\p{N}._-]/gu, '_')
  for (let number = 1; ; number++) {
    const tail = `.conflict-${time}-${endpoint}${number === 1 ? '' : `-${number}`}${ending}`
    const found = childOf(parentOf(path) ?? '', fit(stem, tail))
    if (!isTaken(found)) return found
  }
}

/** As much of the stem as there is room for, in whole characters. */
function fit(stem: string, tail: string): string {
  const length = (text: string) => new TextEncoder().encode(text).length
  let characters = [...stem]
  let rest = tail
  // An ending that leaves no room is none.
  if (length(rest) >= MAX_NAME_BYTES) rest = [...rest].slice(0, 60).join('')
  while (length(characters.join('') + rest) > MAX_NAME_BYTES) characters = characters.slice(0, -1)
  return characters.join('') + rest
}
