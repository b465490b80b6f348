import type { PermittedPair } from '../../core/edge/service-policies.ts'

/**
 * Who was given a ticket for which declared service, and may have streams open by it. A subject is an identity, or an
 * endpoint of the mesh, by what policies know it.
 */
export interface OpenGrants {
  note(subject: string, serviceId: string): void
  forget(subject: string): void
  /** @param subject  of this one alone */
  pairs(subject?: string): Iterable<PermittedPair>
}

/** Remember tickets of this process; it is empty after a start. */
export function createOpenGrants(): OpenGrants {
  const bySubject = new Map<string, Set<string>>()

  function* pairsOf(identityId: string): Iterable<PermittedPair> {
    for (const serviceId of bySubject.get(identityId) ?? []) yield { identityId, serviceId, type: 'Dial' }
  }

  return {
    note(subject, serviceId) {
      bySubject.set(subject, (bySubject.get(subject) ?? new Set()).add(serviceId))
    },
    forget: subject => void bySubject.delete(subject),
    *pairs(subject) {
      if (subject !== undefined) yield* pairsOf(subject)
      else for (const one of bySubject.keys()) yield* pairsOf(one)
    },
  }
}
