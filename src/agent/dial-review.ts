import { CONTROLLER_API, MAX_REVIEWED_DIALS } from '../core/api/hub-api.ts'
import type { AccessRevocation } from '../core/api/shapes.ts'
import { toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Hostings } from './hostings.ts'
import type { HubLink } from './hub-link.ts'

/**
 * Ask the controller, after a link opened and what is hosted here was announced over it, who of those with open streams may
 * not dial any more: revocations are told once, and streams that go directly outlive the link. Never throws.
 *
 * @param parts.revoke  as if it had been told
 */
export async function reviewDiallers(parts: {
  readonly hostings: Pick<Hostings, 'diallers'>
  readonly link: Pick<HubLink, 'call'>
  readonly revoke: (revocation: AccessRevocation) => void
  readonly log: Log
}): Promise<void> {
  const { hostings, link, revoke, log } = parts
  const open = hostings.diallers()
  try {
    for (let at = 0; at < open.length; at += MAX_REVIEWED_DIALS) {
      const body = { open: open.slice(at, at + MAX_REVIEWED_DIALS) }
      const { refused } = await link.call(CONTROLLER_API.reviewDiallers, { body })
      for (const revocation of refused) revoke(revocation)
    }
  } catch (thrown) {
    // A hub of before does not know the question; a link that is lost asks again when it is back.
    log.info('dial.not-reviewed', { reason: toMeshError(thrown).message })
  }
}
