import type { AccessRevocation } from '../core/api/shapes.ts'
import { MeshError } from '../core/model/errors.ts'
import type { ServiceName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'

/** Remembers whose session tickets are void though their time is not over. */
export interface RevokedAccess {
  add(revocation: AccessRevocation): void
  /** @param issuedAtMs  of the ticket @throws MeshError why it is void */
  check(from: EndpointIdentity, service: ServiceName, issuedAtMs: number): void
}

/**
 * Make an empty memory.
 *
 * @param keepMs  how long a ticket of before may still be shown: after that it is void by its own end
 */
export function createRevokedAccess(keepMs: number, now: () => number): RevokedAccess {
  const known = new Map<
    string,
    { beforeMs: number; keptUntilMs: number; reason: AccessRevocation['reason'] }
  >()

  function forgetOld(): void {
    const nowMs = now()
    // In the order of their ends, as all are kept for the same time.
    for (const [key, { keptUntilMs }] of known) {
      if (keptUntilMs > nowMs && known.size <= MAX_REVOCATIONS) return
      known.delete(key)
    }
  }

  return {
    add({ user, endpoint, services, beforeMs, reason }) {
      for (const service of services) {
        const key = keyOf(service, user, endpoint)
        known.delete(key)
        known.set(key, { beforeMs, keptUntilMs: now() + keepMs, reason })
      }
      forgetOld()
    },
    check(from, service, issuedAtMs) {
      if (known.size === 0) return
      for (const endpoint of [undefined, from.endpoint]) {
        const found = known.get(keyOf(service, from.user, endpoint))
        if (found === undefined || issuedAtMs > found.beforeMs || found.keptUntilMs <= now()) continue
        throw new MeshError(
          'bad-ticket',
          `Cannot open stream to "${service}": the session ticket was taken back: ${found.reason.message}`,
        )
      }
    },
  }
}

/** Whom a revocation means. */
export function isRevoked({ user, endpoint }: AccessRevocation, identity: EndpointIdentity): boolean {
  return identity.user === user && (endpoint === undefined || endpoint === identity.endpoint)
}

function keyOf(service: ServiceName, user: string, endpoint: string | undefined): string {
  return JSON.stringify([service, user, endpoint ?? null])
}

/** Revocations that a hosting endpoint remembers; of more the oldest go, whose tickets end within ten minutes. */
export const MAX_REVOCATIONS = 10_000
