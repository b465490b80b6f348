import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { MeshError } from '../../core/model/errors.ts'
import type { UserName } from '../../core/model/names.ts'
import type { Ms } from '../../core/model/time.ts'
import type { Host } from '../../sdk/app.ts'

/** An invitation to a session. */
export interface Share {
  readonly session: string
  /** Who was invited; whoever has the key if absent. */
  readonly users: readonly UserName[] | undefined
  readonly mayType: boolean
  readonly untilMs: Ms
}

/** The invitations to the sessions of an endpoint. They end by time, with their session, or when they are taken back. */
export interface Shares {
  /** Users who may come for one of them; `*` while there is one for whoever has its key. */
  readonly users: readonly (UserName | '*')[]
  /** @returns the key, where no users are named. @throws MeshError `too-many` */
  add(share: Share): string | undefined
  /** The one that lets a user look at a session, one to type with first. */
  find(session: string, user: UserName, key: string | undefined): Share | undefined
  /** Whether somebody who came by one may stay. */
  covers(session: string, user: UserName, isTyping: boolean): boolean
  /** Take back those of a session. */
  remove(session: string): void
}

/** @param onChange  others than before are invited */
export function createShares(
  host: Pick<Host, 'clock' | 'after'>,
  { maxCount, onChange }: { readonly maxCount: number; readonly onChange: () => void },
): Shares {
  const all = new Map<Share, { readonly hash: Buffer | undefined; readonly cancel: () => void }>()

  function drop(share: Share): void {
    const kept = all.get(share)
    if (kept === undefined) return
    kept.cancel()
    all.delete(share)
    onChange()
  }

  return {
    get users() {
      const everybody: readonly (UserName | '*')[] = ['*']
      return [...new Set([...all.keys()].flatMap(({ users }) => users ?? everybody))]
    },
    add(share) {
      if (all.size >= maxCount) {
        throw new MeshError('too-many', `Cannot share session: ${maxCount} are shared: take some back`)
      }
      const key = share.users === undefined ? randomBytes(16).toString('base64url') : undefined
      const cancel = host.after(share.untilMs - host.clock.now(), () => drop(share))
      all.set(share, { hash: key === undefined ? undefined : hashOf(key), cancel })
      onChange()
      return key
    },
    find(session, user, key) {
      const now = host.clock.now()
      const hash = key === undefined ? undefined : hashOf(key)
      const fitting = [...all].filter(([share, kept]) => {
        if (share.session !== session || share.untilMs <= now) return false
        if (share.users !== undefined) return share.users.includes(user)
        return hash !== undefined && kept.hash !== undefined && timingSafeEqual(hash, kept.hash)
      })
      return (fitting.find(([share]) => share.mayType) ?? fitting[0])?.[0]
    },
    covers: (session, user, isTyping) =>
      [...all.keys()].some(
        share =>
          share.session === session &&
          (share.users === undefined || share.users.includes(user)) &&
          (share.mayType || !isTyping),
      ),
    remove(session) {
      for (const share of [...all.keys()]) if (share.session === session) drop(share)
    },
  }
}

function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest()
}
