import { foldPath } from '../core/files/tree-path.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { LoopbackAnswer, LoopbackRequest } from '../net/loopback-server.ts'
import { changeProperties, findProperties } from './answer-properties.ts'
import { answerOf, plain, refusal } from './answers.ts'
import { createDeadProperties } from './dead-properties.ts'
import { lockItem, unlockItem } from './lock-items.ts'
import { createLockTable } from './lock-table.ts'
import { copyOrMove, makeFolder, removeItem } from './move-items.ts'
import { readFile } from './read-file.ts'
import { isBroken, type Share, type TreeSource } from './share.ts'
import { openVisit, type Visit } from './visit.ts'
import { writeFile } from './write-file.ts'

/** What a share is made of. */
export interface ShareOptions {
  readonly trees: TreeSource
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** A new UUID each time. */
  readonly makeId: () => string
  /** Names that differ only in case or composition are one there. */
  readonly foldsNames: boolean
}

/** Open a share, without locks and properties. */
export function createShare({ trees, now, makeId, foldsNames }: ShareOptions): Share {
  const waiting: (() => void)[] = []
  let listCount = 0
  return {
    trees,
    locks: createLockTable(now, foldsNames ? foldPath : path => path),
    properties: createDeadProperties(),
    now,
    makeId,
    async whileListing(work) {
      if (listCount >= LISTS_AT_ONCE) await new Promise<void>(resolve => waiting.push(resolve))
      else listCount += 1
      try {
        return await work()
      } finally {
        const next = waiting.shift()
        if (next === undefined) listCount -= 1
        else next()
      }
    },
  }
}

/**
 * Answer one request by WebDAV, class 1 and 2. Who it is of was found out before. Never throws.
 *
 * @param hosts  the authorities that are this server, in lower case: `127.0.0.1:7788`
 * @see RFC 4918
 */
export async function answerRequest(
  share: Share,
  request: LoopbackRequest,
  hosts: ReadonlySet<string>,
): Promise<LoopbackAnswer> {
  if (request.method === 'OPTIONS') return plain(200, { dav: '1, 2', 'ms-author-via': 'DAV', allow: ALLOWED })
  const method = METHODS[request.method]
  if (method === undefined) return refusal(405, 'There is no such method here', { allow: ALLOWED })
  try {
    const visit = await openVisit(share, request, hosts)
    if ('status' in visit) return visit
    if (method.isChange && visit.tree.opened.isReadOnly)
      return refusal(403, 'Cannot change anything: you may only read there')
    if (visit.entry?.kind === 'link') return refusal(403, 'A symbolic link is there, and none is followed')
    const answer = await method.answer(visit)
    return answer.status === 405 ? { ...answer, headers: { ...answer.headers, allow: ALLOWED } } : answer
  } catch (thrown) {
    return answerOf(toMeshError(thrown))
  }
}

interface Method {
  readonly isChange: boolean
  readonly answer: (visit: Visit) => Promise<LoopbackAnswer>
}

const reading = (answer: Method['answer']): Method => ({ isChange: false, answer })
const changing = (answer: Method['answer']): Method => ({
  isChange: true,
  async answer(visit) {
    try {
      return await answer(visit)
    } catch (thrown) {
      // What was begun is not done again: it may have been done.
      if (isBroken(toMeshError(thrown))) visit.share.trees.drop(visit.tree)
      throw thrown
    }
  },
})

const METHODS: Readonly<Record<string, Method | undefined>> = Object.assign(Object.create(null), {
  GET: reading(readFile),
  HEAD: reading(readFile),
  PROPFIND: reading(findProperties),
  PUT: changing(writeFile),
  DELETE: changing(removeItem),
  MKCOL: changing(makeFolder),
  COPY: changing(copyOrMove),
  MOVE: changing(copyOrMove),
  PROPPATCH: changing(changeProperties),
  LOCK: changing(lockItem),
  UNLOCK: changing(unlockItem),
})
const ALLOWED = `OPTIONS, ${Object.keys(METHODS).join(', ')}`
/** Lists are in memory while they are made. */
const LISTS_AT_ONCE = 2
