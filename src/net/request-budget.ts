import { MeshError } from '../core/model/errors.ts'

/** What the requests of one session may hold at the same time. */
export interface RequestBudgetLimits {
  readonly maxRequests: number
  /** Bodies that came and answers that were not yet taken, together. One answer may be larger if it is alone. */
  readonly maxBytes: number
  /** Largest body of one request. */
  readonly maxBodyBytes: number
}

/** Of a member: an agent asks for all its services at once when its link opens. */
export const MEMBER_BUDGET: RequestBudgetLimits = {
  maxRequests: 1_024,
  maxBytes: 16 * 1_048_576,
  maxBodyBytes: 262_144,
}

/** Of a stranger, who can do nothing but join. */
export const STRANGER_BUDGET: RequestBudgetLimits = {
  maxRequests: 4,
  maxBytes: 131_072,
  maxBodyBytes: 32_768,
}

/** Of whoever logged in at the Edge APIs, and has no link. */
export const KNOWN_BUDGET: RequestBudgetLimits = {
  maxRequests: 64,
  maxBytes: 4 * 1_048_576,
  maxBodyBytes: 262_144,
}

/** Counts what the requests of one session hold. */
export interface RequestBudget {
  readonly limits: RequestBudgetLimits
  /** @returns undefined if the session has as many requests as it may */
  admit(): HeldRequest | undefined
}

/** One request's share. */
export interface HeldRequest {
  /** @throws MeshError `too-many` if the session would hold more than it may */
  hold(byteCount: number): void
  /** The request is done and its answer taken. */
  release(): void
}

/** Make the budget of one session. */
export function createRequestBudget(limits: RequestBudgetLimits): RequestBudget {
  let requestCount = 0
  let heldBytes = 0
  return {
    limits,
    admit() {
      if (requestCount >= limits.maxRequests) return undefined
      requestCount += 1
      let ownBytes = 0
      return {
        hold(byteCount) {
          const othersBytes = heldBytes - ownBytes
          if (othersBytes > 0 && heldBytes + byteCount > limits.maxBytes) {
            throw new MeshError('too-many', 'Cannot answer: too many requests of this session: try again')
          }
          ownBytes += byteCount
          heldBytes += byteCount
        },
        release() {
          heldBytes -= ownBytes
          requestCount -= 1
        },
      }
    },
  }
}
