import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { HubLink } from './hub-link.ts'
import type { MembershipOptions } from './membership-options.ts'

/** Hears from the controller what of a mesh changes, while somebody here looks. */
export interface MeshWatch extends Disposable {
  /** Somebody began to look, or there is a link again. */
  look(): void
}

/** Make it; it asks nothing yet. */
export function createMeshWatch({
  link,
  isWatched = () => false,
  onChange,
  log,
}: Pick<MembershipOptions, 'isWatched' | 'onChange' | 'log'> & {
  readonly link: Pick<HubLink, 'call' | 'session'>
}): MeshWatch {
  let isAsking = false
  let isEnded = false
  let next: string | undefined
  let retry: NodeJS.Timeout | undefined

  async function ask(): Promise<void> {
    isAsking = true
    try {
      while (isWatched() && !isEnded && link.session !== undefined) {
        const query = next === undefined ? {} : { since: next }
        const answer = await link.call(CONTROLLER_API.awaitChanges, { query }, { timeoutMs: WAIT_MS })
        next = answer.next
        if (answer.isMore) onChange({ topic: 'endpoints', endpoints: undefined })
        else if (answer.endpoints.length > 0) onChange({ topic: 'endpoints', endpoints: answer.endpoints })
        if (answer.kinds.length > 0) onChange({ topic: 'controller', kinds: answer.kinds })
      }
    } catch (error) {
      log.debug('mesh.not-watched', { reason: toMeshError(error).message })
      // A hub that is gone comes back with a link; one that says no may say yes later.
      if (!isEnded) retry = setTimeout(look, RETRY_MS).unref()
    } finally {
      isAsking = false
    }
  }

  function look(): void {
    clearTimeout(retry)
    if (!isAsking && !isEnded && isWatched() && link.session !== undefined) void ask()
  }

  return {
    look,
    [Symbol.dispose]() {
      isEnded = true
      clearTimeout(retry)
    },
  }
}

/** Longer than a controller keeps anybody waiting. */
const WAIT_MS = 30_000
const RETRY_MS = 5_000
