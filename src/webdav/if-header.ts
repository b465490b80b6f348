import { MeshError } from '../core/model/errors.ts'

/** One list of an `If` header: all of it must hold. */
export interface IfList {
  /** What it speaks of, as written; the resource of the request if absent. */
  readonly resource?: string
  readonly conditions: readonly IfCondition[]
}

/** One condition. */
export interface IfCondition {
  readonly isNot: boolean
  readonly kind: 'token' | 'etag'
  /** Of an ETag with its quotes. */
  readonly value: string
}

/**
 * Read an `If` header.
 *
 * @throws MeshError `bad-input`
 * @see RFC 4918, section 10.4.2
 */
export function parseIf(header: string): IfList[] {
  const lists: IfList[] = []
  const bad = () => new MeshError('bad-input', 'Cannot read the If header: it is not of its form')
  let rest = header.trim()
  let resource: string | undefined
  const take = (form: RegExp): string | undefined => {
    const match = form.exec(rest)
    if (match === null) return undefined
    rest = rest.slice(match[0].length).trimStart()
    return match[1] ?? ''
  }
  while (rest !== '') {
    const tag = take(/^<([^<>\s]{1,8192})>/)
    if (tag !== undefined) {
      // Lists with a resource and lists without one are not mixed.
      if (resource === undefined && lists.length > 0) throw bad()
      resource = tag
    }
    if (take(/^(\()/) === undefined) throw bad()
    const conditions: IfCondition[] = []
    while (take(/^(\))/) === undefined) {
      const isNot = take(/^(not)\b/i) !== undefined
      const token = take(/^<([^<>\s]{1,2048})>/)
      const etag = token === undefined ? take(/^\[((?:W\/)?"[^"\]]{0,1024}")\]/) : undefined
      const value = token ?? etag
      if (value === undefined) throw bad()
      conditions.push({ isNot, kind: token === undefined ? 'etag' : 'token', value })
    }
    if (conditions.length === 0) throw bad()
    lists.push({ conditions, ...(resource !== undefined && { resource }) })
  }
  if (lists.length === 0) throw bad()
  return lists
}

/** Whether one of the lists holds. @param holds  asked of a condition without its `Not` */
export function fitsIf(
  lists: readonly IfList[],
  holds: (condition: IfCondition, list: IfList) => boolean,
): boolean {
  return lists.some(list => list.conditions.every(one => holds(one, list) !== one.isNot))
}

/** The tokens of locks that a header has shown. */
export function shownTokens(lists: readonly IfList[]): ReadonlySet<string> {
  const shown = lists.flatMap(({ conditions }) =>
    conditions.filter(({ kind, isNot }) => kind === 'token' && !isNot),
  )
  return new Set(shown.map(({ value }) => value))
}
